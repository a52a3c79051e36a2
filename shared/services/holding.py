"""What people do about held invitations: release them, or refuse them, with a reason that stays in the timeline."""

from sqlalchemy import func
from sqlalchemy.orm import Session

from shared.actor import Actor
from shared.checks.evaluate import evaluate
from shared.checks.verdict import Verdict, reasons_of
from shared.errors import Conflict, Refused
from shared.models import Invitation, Status
from shared.services import checking, facts, invitations
from shared.services.rules import Rules


def release(
    session: Session, *, actor: Actor, rules: Rules, account_id: str, invitation_id: str, reason: str
) -> Invitation:
    """Let a held invitation through; raises `Refused` where by now a check denies it whoever releases it."""
    _held(session, account_id, invitation_id)
    ((invitation, about),) = facts.about_each(session, rules, [invitation_id])
    judgement = evaluate(about, lists=rules.lists, settings=rules.settings)
    invitation.checks = [check.as_json(about.at) for check in judgement.checks]
    if judgement.verdict is Verdict.DENY:
        raise Refused(reasons_of(judgement.checks, Verdict.DENY))
    checking.let_through(session, invitation)
    invitations.note(session, actor, "invitation.released", invitation, reason=reason)
    return invitation


def refuse(session: Session, *, actor: Actor, account_id: str, invitation_id: str, reason: str) -> Invitation:
    """End a held invitation; its mail is never sent."""
    invitation = _held(session, account_id, invitation_id)
    invitation.status, invitation.ended_at = Status.BLOCKED, func.now()
    invitations.note(session, actor, "invitation.refused", invitation, reason=reason)
    return invitation


def _held(session: Session, account_id: str, invitation_id: str) -> Invitation:
    invitation = invitations.get(session, account_id=account_id, invitation_id=invitation_id, lock=True)
    if invitation.status != Status.HELD:
        raise Conflict(
            "invitation_closed",
            f"The invitation is {invitation.status} and not held, so nothing was changed.",
            remedy="Look at the invitation: somebody may have decided already.",
        )
    return invitation
