"""Screens invitations before their email is sent, with the request's evaluator and current facts."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func
from sqlalchemy.orm import Session

from shared.actor import SYSTEM
from shared.audit import log as audit_log
from shared.audit.events import Action
from shared.checks.evaluate import Facts, Judgement, evaluate_all
from shared.checks.verdict import Verdict, reasons_of
from shared.db.bulk import update_rows
from shared.jobs import queue
from shared.models import Delivery, Invitation, JobKind, Status
from shared.policy_context import PolicyContext
from shared.screening import facts, unsent_emails

RECHECK_AFTER = timedelta(minutes=1)
"""Delay before an invitation that is held for missing facts is checked again."""


def screen(session: Session, *, policy: PolicyContext, invitation_ids: Collection[str]) -> list[dict[str, Any]]:
    """Check these invitations and record the results: enqueue the email, put on hold, or block with the reasons.

    Returns the results of all checks, as stored in the rows. Skips invitations that have changed meanwhile, for example
    because they were revoked, released, or already checked by a worker that died.
    """
    judged = list(_judged(session, policy, invitation_ids))
    blocked, held, passed = ([each for each in judged if each.change["status"] == end] for end in _ENDS)
    if blocked:
        unsent_emails.give_back(session, [each.invitation for each in blocked])
    update_rows(session, Invitation, [each.change for each in judged])
    _note(session, Action.INVITATION_BLOCKED, blocked, lambda each: {"reasons": each.reasons(Verdict.DENY)})
    _hold(session, held)
    _note(session, Action.INVITATION_CHECKED, passed, lambda each: {"verdict": each.judgement.verdict})
    _enqueue_emails(session, [each.invitation for each in passed])
    return [check for each in judged for check in each.change["checks"]]


def is_orphaned(about: Facts) -> bool:
    """Return True if the inviter may no longer give this role. The invitation then waits, whatever the checks say."""
    return about.role not in about.assignable


def let_through(session: Session, invitation: Invitation) -> dict[str, Any]:
    """Enqueue the invitation's email. Returns the column values to set on its row."""
    _enqueue_emails(session, [invitation])
    return _LET_THROUGH


_LET_THROUGH: dict[str, Any] = {"status": Status.PENDING, "delivery": Delivery.QUEUED}
_ENDS = (Status.BLOCKED, Status.HELD, Status.PENDING)


@dataclass(frozen=True, slots=True)
class _Judged:
    """An invitation, its judgement, and the column values to set on its row."""

    invitation: Invitation
    judgement: Judgement
    change: dict[str, Any]

    def reasons(self, *verdicts: Verdict) -> list[dict[str, Any]]:
        """Reasons of the checks with one of these verdicts, as JSON."""
        return [reason.as_json() for reason in reasons_of(self.judgement.checks, *verdicts)]


def _judged(session: Session, policy: PolicyContext, invitation_ids: Collection[str]) -> Iterator[_Judged]:
    found = [
        (invitation, about)
        for invitation, about in facts.facts_of_invitations(session, invitation_ids)
        if invitation.status == Status.CHECKING or (invitation.status == Status.HELD and not is_orphaned(about))
    ]
    judgements = evaluate_all([about for _, about in found], lists=policy.lists, settings=policy.settings)
    for (invitation, about), judgement in zip(found, judgements, strict=True):
        change = {"id": invitation.id, "checks": judgement.as_json(about.at), "delivery": None, "ended_at": None}
        change |= _outcome_of(judgement.verdict, about.at)
        yield _Judged(invitation, judgement, change)


def _outcome_of(verdict: Verdict, at: datetime) -> dict[str, Any]:
    match verdict:
        case Verdict.DENY:
            return {"status": Status.BLOCKED, "ended_at": at}
        case Verdict.HOLD:
            return {"status": Status.HELD}
    return _LET_THROUGH


def _hold(session: Session, held: Sequence[_Judged]) -> None:
    """Record the holds. If only facts are missing, also enqueue a later check."""
    newly = [each for each in held if each.invitation.status != Status.HELD]
    _note(session, Action.INVITATION_HELD, newly, lambda each: {"reasons": each.reasons(Verdict.HOLD, Verdict.UNKNOWN)})
    for each in held:
        only_wanting = all(check.verdict is not Verdict.HOLD for check in each.judgement.checks)
        if only_wanting and not queue.is_postponed(session, JobKind.INVITATION_CHECK, subject_id=each.invitation.id):
            job = queue.enqueue(
                session,
                JobKind.INVITATION_CHECK,
                subject_id=each.invitation.id,
                account_id=each.invitation.account_id,
                generation=each.invitation.generation,
            )
            job.due_at = job.ring_at = func.now() + RECHECK_AFTER


def _enqueue_emails(session: Session, invitations: Sequence[Invitation]) -> None:
    subjects = (
        {
            "subject_id": each.id,
            "account_id": each.account_id,
            "generation": each.generation,
            "lane": each.address.domain,
        }
        for each in invitations
    )
    queue.enqueue_all(session, JobKind.INVITATION_MAIL, subjects)


def _note(
    session: Session, action: Action, judged: Sequence[_Judged], data_of: Callable[[_Judged], dict[str, Any]]
) -> None:
    subjects = [(each.invitation.id, each.invitation.account_id, data_of(each)) for each in judged]
    audit_log.record_all(session, SYSTEM, action, subjects)
