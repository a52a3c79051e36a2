"""Replays past invitations against other settings, to show which verdicts would change."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from ipaddress import ip_address

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from shared.checks.evaluate import Facts, evaluate
from shared.checks.ip_ranges import Origin
from shared.checks.verdict import Verdict, reasons_of
from shared.errors import Reason
from shared.models import Invitation
from shared.networks.registry import Networks
from shared.policy_context import PolicyContext
from shared.screening import facts

BATCH = 200


@dataclass(frozen=True, slots=True)
class Difference:
    """An invitation with different verdicts under the two policies, and the reasons."""

    invitation: Invitation
    before: Verdict
    after: Verdict
    reasons: list[Reason]


def replay(session: Session, *, now: PolicyContext, then: PolicyContext, days: int) -> Iterator[Difference | None]:
    """Compare two policies on the invitations of the last `days` days, oldest first.

    Yields a difference or None for each invitation. Both policies use today's facts and the invitation's original IP
    address, so any difference comes from the policies alone.
    """
    since = select(Invitation.id).where(Invitation.created_at > func.now() - timedelta(days=days))
    ids = list(session.scalars(since.order_by(Invitation.id)))
    for start in range(0, len(ids), BATCH):
        for invitation, about in facts.facts_of_invitations(session, ids[start : start + BATCH], lock=False):
            # This invitation created the membership, and its inviter may have left since.
            known = replace(about, is_member=False, assignable=about.assignable | {about.role})
            yield _compared(invitation, known, now, then)


def _compared(invitation: Invitation, about: Facts, now: PolicyContext, then: PolicyContext) -> Difference | None:
    before = evaluate(_from(about, now.networks), lists=now.lists, settings=now.settings)
    after = evaluate(_from(about, then.networks), lists=then.lists, settings=then.settings)
    if before.verdict is after.verdict:
        return None
    telling = after if after.verdict is not Verdict.ALLOW else before
    return Difference(invitation, before.verdict, after.verdict, reasons_of(telling.checks, telling.verdict))


def _from(about: Facts, networks: Networks) -> Facts:
    """The facts with the caller's IP address looked up in these network lists."""
    was: Origin = about.origin
    if was.address is None:
        return about
    found = networks.look_up(ip_address(was.address), by_program=was.by_program, traces=was.traces)
    return replace(about, origin=found)
