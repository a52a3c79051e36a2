"""Comparison of acknowledged invitations, emails sent, and rows in the database."""

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Any

from tests.faults.service import Service

KILLED_BEFORE_SECONDS = 3.0
"""An email accepted this shortly before a kill may not have been recorded: it was in a batch, or a commit was slow."""

TAKEN_AFTER_SECONDS = 0.2
"""A reply from the mail server may be unread for this long when a worker dies. The email was accepted all the same."""

BLAMELESS = frozenset({"web", "valkey", "sink"})
"""Parts whose death doesn't excuse a duplicate."""

_WAITING = "SELECT i.email FROM invitations i JOIN jobs j ON j.subject_id = i.id WHERE j.state IN ('queued', 'running')"


@dataclass(frozen=True)
class Findings:
    """The result of comparing the three sets."""

    acknowledged: int
    mailed: int
    lost: int
    copies: int
    by_drops: int
    by_kills: int
    dead: int
    open: int

    @property
    def unexplained(self) -> int:
        """The number of duplicates without an excuse."""
        return self.copies - self.by_drops - self.by_kills

    def __str__(self) -> str:
        return (
            f"acknowledged {self.acknowledged}, mailed {self.mailed}, lost {self.lost}, extra copies {self.copies} "
            f"({self.by_drops} by drops after the dot, {self.by_kills} by kills, {self.unexplained} unexplained), "
            f"given up {self.dead}, unfinished {self.open}"
        )


def compare(service: Service) -> Findings:
    """Compare everything that was acknowledged with what was sent and recorded."""
    arrived: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for line in service.lines():
        if line["verdict"] in {"taken", "dropped"}:
            arrived[line["to"]].append(line)
    rows = dict(service.rows("SELECT email, id FROM invitations"))
    jobs = Counter(dict(service.rows("SELECT state, count(*) FROM jobs GROUP BY state")))
    acknowledged = service.client.acknowledged
    waiting = {email for (email,) in service.rows(_WAITING)}
    # Deferred jobs are late, neither sent nor lost.
    lost = [
        email
        for email, found in acknowledged.items()
        if rows.get(email) != found or not (arrived[email] or email in waiting)
    ]
    guilty = [part for name, part in service.parts.items() if name.partition("@")[0] not in BLAMELESS]
    kills = [moment for part in guilty for moment in part.deaths]
    extra = [copy for copies in arrived.values() for copy in copies[:-1]]
    by_drops = [copy for copy in extra if copy["verdict"] == "dropped"]
    by_kills = [copy for copy in extra if copy["verdict"] == "taken" and _before_one(copy["at"], kills)]
    return Findings(
        acknowledged=len(acknowledged),
        mailed=sum(bool(copies) for copies in arrived.values()),
        lost=len(lost),
        copies=len(extra),
        by_drops=len(by_drops),
        by_kills=len(by_kills),
        dead=jobs["dead"],
        open=jobs["queued"] + jobs["running"],
    )


def _before_one(at: float, kills: list[float]) -> bool:
    return any(-TAKEN_AFTER_SECONDS <= moment - at < KILLED_BEFORE_SECONDS for moment in kills)
