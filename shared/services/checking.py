"""The worker's own look at an invitation before it is mailed: the same evaluator, on the facts of that moment."""

from collections.abc import Collection

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
    for invitation, about in facts.about_each(session, invitation_ids):
        if invitation.status == Status.CHECKING:
            _judge_one(session, rules, invitation, about)


def _judge_one(session: Session, rules: Rules, invitation: Invitation, about: Facts) -> None:
    checks = evaluate(about, lists=rules.lists, minimum=rules.settings.minimum_commitment)
    invitation.checks = [check.as_json(about.at) for check in checks]
    if overall(checks) is Verdict.DENY:
        invitation.status, invitation.ended_at = Status.BLOCKED, about.at
        reasons = [reason.as_json() for reason in reasons_of(checks)]
        invitations.note(session, SYSTEM, "invitation.blocked", invitation, reasons=reasons)
        return
    invitation.status, invitation.delivery = Status.PENDING, Delivery.QUEUED
    invitations.note(session, SYSTEM, "invitation.checked", invitation, verdict=overall(checks))
    jobs.promise(
        session,
        JobKind.INVITATION_MAIL,
        subject_id=invitation.id,
        account_id=invitation.account_id,
        generation=invitation.generation,
        lane=invitation.address.domain,
    )
