"""The result of a check: a verdict, its reasons and the data it used."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from shared.errors import Reason


class Verdict(StrEnum):
    """Allow, deny, hold for a person to decide, or unknown because facts are missing."""

    ALLOW = "allow"
    DENY = "deny"
    HOLD = "hold"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Check:
    """One check's result. `data` names its source and the source's age in seconds."""

    check: str
    verdict: Verdict
    reasons: tuple[Reason, ...] = ()
    data: dict[str, Any] = field(default_factory=dict)

    def as_json(self, checked_at: str) -> dict[str, Any]:
        """The check as JSON, for invitation rows and the API. `checked_at` is in RFC 3339."""
        return {
            "check": self.check,
            "verdict": self.verdict,
            "reasons": [reason.as_json() for reason in self.reasons],
            "data": self.data,
            "checked_at": checked_at,
        }


def denied_by(check: str, reasons: Iterable[Reason], **data: Any) -> Check:
    """Deny for these reasons, or allow without any."""
    found = tuple(reasons)
    return Check(check, Verdict.DENY if found else Verdict.ALLOW, found, data)


def overall(checks: Iterable[Check], *, unknown: Verdict = Verdict.ALLOW) -> Verdict:
    """The overall verdict: deny if any check denies, else hold if any holds. An unknown check counts as `unknown`."""
    verdicts = {unknown if check.verdict is Verdict.UNKNOWN else check.verdict for check in checks}
    for verdict in (Verdict.DENY, Verdict.HOLD):
        if verdict in verdicts:
            return verdict
    return Verdict.ALLOW


def reasons_of(checks: Iterable[Check], *verdicts: Verdict) -> list[Reason]:
    """Reasons of the checks with one of these verdicts, in order. Without verdicts, all reasons."""
    return [reason for check in checks if not verdicts or check.verdict in verdicts for reason in check.reasons]
