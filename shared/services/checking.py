"""The worker's own look at an invitation before it is mailed: the same evaluator, on the facts of that moment."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import update
from sqlalchemy.orm import Session

from shared.actor import SYSTEM
from shared.checks.evaluate import Facts, evaluate
from shared.checks.verdict import Verdict, overall, reasons_of
from shared.models import Delivery, Invitation, JobKind, Status
from shared.services import facts, invitations, jobs
from shared.services.rules import Rules


def judge(session: Session, *, rules: Rules, invitation_ids: Collection[str]) -> None:
    """Check these invitations and record what came of it: a mail promised, or blocked with its reasons.

    One that is no longer `checking` (revoked meanwhile, or judged by a worker that then died) is left as it is.
    """
    changes = [
        _judge_one(session, rules, invitation, about)
        for invitation, about in facts.about_each(session, invitation_ids)
        if invitation.status == Status.CHECKING
    ]
    if changes:
        # All rows in one go: changed one by one, they would cost a round trip each.
        session.execute(update(Invitation), changes)


def _judge_one(session: Session, rules: Rules, invitation: Invitation, about: Facts) -> dict[str, Any]:
    """Record what follows from the verdict, and return what changes in the invitation's own row."""
    checks = evaluate(about, lists=rules.lists, minimum=rules.settings.minimum_commitment)
    change = {"id": invitation.id, "checks": [check.as_json(about.at) for check in checks]}
    if overall(checks) is Verdict.DENY:
        reasons = [reason.as_json() for reason in reasons_of(checks)]
        invitations.note(session, SYSTEM, "invitation.blocked", invitation, reasons=reasons)
        return change | {"status": Status.BLOCKED, "ended_at": about.at}
    invitations.note(session, SYSTEM, "invitation.checked", invitation, verdict=overall(checks))
    jobs.promise(
        session,
        JobKind.INVITATION_MAIL,
        subject_id=invitation.id,
        account_id=invitation.account_id,
        generation=invitation.generation,
    )
    return change | {"status": Status.PENDING, "delivery": Delivery.QUEUED}
