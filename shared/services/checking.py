"""Judges invitations before they are mailed: the same evaluator as in the request, on the facts of this moment."""

from collections.abc import Collection
from datetime import timedelta
from typing import Any

from sqlalchemy import func, update
from sqlalchemy.orm import Session

from shared.actor import SYSTEM
from shared.checks.evaluate import Facts, evaluate
from shared.checks.verdict import Check, Verdict, reasons_of
from shared.models import Delivery, Invitation, JobKind, Status
from shared.services import facts, invitations, jobs
from shared.services.rules import Rules

ASK_AGAIN = timedelta(minutes=1)
"""How long an invitation that is held for want of facts waits until they are asked for again."""


def judge(session: Session, *, rules: Rules, invitation_ids: Collection[str]) -> list[dict[str, Any]]:
    """Check these invitations and record what came of it: a mail promised, held, or blocked with its reasons.

    Returns what each check said, as the rows keep it. An invitation that has moved on meanwhile (revoked, released,
    judged by a worker that then died) is left as it is.
    """
    changes = [
        _judge_one(session, rules, invitation, about)
        for invitation, about in facts.about_each(session, invitation_ids)
        if invitation.status == Status.CHECKING or (invitation.status == Status.HELD and not is_orphaned(about))
    ]
    if changes:
        # All rows in one go: changed one by one, they would cost a round trip each.
        session.execute(update(Invitation), changes)
    return [check for change in changes for check in change["checks"]]


def is_orphaned(about: Facts) -> bool:
    """Whether nobody answers for the invitation any more; then it waits for somebody who does, whatever checks say."""
    return about.role not in about.assignable


def let_through(session: Session, invitation: Invitation) -> dict[str, Any]:
    """Promise the invitation's mail, and return what changes in its row."""
    jobs.promise(
        session,
        JobKind.INVITATION_MAIL,
        subject_id=invitation.id,
        account_id=invitation.account_id,
        generation=invitation.generation,
        lane=invitation.address.domain,
    )
    return {"status": Status.PENDING, "delivery": Delivery.QUEUED}


def _judge_one(session: Session, rules: Rules, invitation: Invitation, about: Facts) -> dict[str, Any]:
    """Record what follows from the verdict, and return what changes in the invitation's own row."""
    judgement = evaluate(about, lists=rules.lists, settings=rules.settings)
    change = {"id": invitation.id, "checks": judgement.as_json(about.at)}
    if judgement.verdict is Verdict.DENY:
        _note(session, "invitation.blocked", invitation, judgement.checks, Verdict.DENY)
        return change | {"status": Status.BLOCKED, "ended_at": about.at}
    if judgement.verdict is Verdict.HOLD:
        _hold(session, invitation, judgement.checks)
        return change | {"status": Status.HELD}
    invitations.note(session, SYSTEM, "invitation.checked", invitation, verdict=judgement.verdict)
    return change | let_through(session, invitation)


def _hold(session: Session, invitation: Invitation, checks: list[Check]) -> None:
    """Have the invitation wait for a person; where only facts were wanting, for these as well."""
    if invitation.status != Status.HELD:
        _note(session, "invitation.held", invitation, checks, Verdict.HOLD, Verdict.UNKNOWN)
    only_wanting = all(check.verdict is not Verdict.HOLD for check in checks)
    if only_wanting and not jobs.is_waiting(session, JobKind.INVITATION_CHECK, subject_id=invitation.id):
        again = jobs.promise(
            session,
            JobKind.INVITATION_CHECK,
            subject_id=invitation.id,
            account_id=invitation.account_id,
            generation=invitation.generation,
        )
        again.due_at = again.ring_at = func.now() + ASK_AGAIN


def _note(session: Session, action: str, invitation: Invitation, checks: list[Check], *verdicts: Verdict) -> None:
    reasons = [reason.as_json() for reason in reasons_of(checks, *verdicts)]
    invitations.note(session, SYSTEM, action, invitation, reasons=reasons)
