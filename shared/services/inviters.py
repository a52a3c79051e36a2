"""Whoever invited answers for the invitation; once they may not, it waits for somebody who does."""

from collections.abc import Iterable

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from shared.actor import Actor, ActorKind
from shared.checks.evaluate import Facts
from shared.checks.verdict import Check, Verdict
from shared.errors import Reason, Who
from shared.models import OPEN, Invitation, Status
from shared.models.columns import among
from shared.services import audit, facts

CHECK = "inviter"


def hold_orphaned(session: Session, *, actor: Actor, account_id: str, whose: ColumnElement[bool]) -> list[Invitation]:
    """Hold the open invitations, of those that `whose` picks, whose inviter may no longer give their role."""
    open_ones = select(Invitation.id).where(Invitation.account_id == account_id, among(Invitation.status, *OPEN), whose)
    held = []
    for invitation, about in facts.about_each(session, session.scalars(open_ones).all()):
        if about.role not in about.assignable and invitation.status in OPEN:
            _hold(session, actor, invitation, about)
            held.append(invitation)
    return held


def take_over(session: Session, *, actor: Actor, invitation: Invitation) -> None:
    """Have the actor answer for a locked invitation from now on, in place of an inviter who may not any more."""
    before = invitation.invited_by
    invitation.invited_by = actor.user_id or before
    invitation.invited_via = actor.id if actor.kind is ActorKind.API_KEY else None
    invitation.checks = _without(invitation.checks)
    _note(session, actor, "invitation.taken_over", invitation, before=before, after=invitation.invited_by)


def take_over_orphaned(session: Session, *, actor: Actor, invitation: Invitation) -> None:
    """Have the actor answer for a locked invitation whose inviter may no longer give its role."""
    ((_, about),) = facts.about_each(session, [invitation.id])
    if about.role not in about.assignable:
        take_over(session, actor=actor, invitation=invitation)


def gone() -> Reason:
    """The inviter lost the right before acceptance."""
    return Reason(
        "inviter_gone",
        "Whoever invited may no longer give this role, or has left the account.",
        "Release the invitation to answer for it yourself, or revoke it.",
        Who.ACCOUNT_OWNER,
    )


def _hold(session: Session, actor: Actor, invitation: Invitation, about: Facts) -> None:
    before, invitation.status = invitation.status, Status.HELD
    check = Check(CHECK, Verdict.HOLD, (gone(),), {"source": "memberships", "age": 0})
    invitation.checks = [*_without(invitation.checks), check.as_json(about.at)]
    _note(session, actor, "invitation.held", invitation, before=before, reasons=[gone().as_json()])


def _note(session: Session, actor: Actor, action: str, invitation: Invitation, **data: object) -> None:
    audit.record(session, actor, action, subject_id=invitation.id, account_id=invitation.account_id, **data)


def _without(checks: Iterable[dict[str, object]]) -> list[dict[str, object]]:
    return [check for check in checks if check["check"] != CHECK]
