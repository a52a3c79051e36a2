"""Reviews of held invitations: release or refuse them, with a reason for the timeline."""

from sqlalchemy import func
from sqlalchemy.orm import Session

from shared.accounts import locks
from shared.actor import Actor, ActorKind
from shared.audit.events import Action
from shared.checks.evaluate import Facts, evaluate
from shared.checks.verdict import Verdict, reasons_of
from shared.errors import Conflict, PermissionDenied, Refused
from shared.invitations import manage, sponsors
from shared.models import Invitation, Status
from shared.permissions import Permission, Role
from shared.policy_context import PolicyContext
from shared.screening import facts, screen, unsent_emails


def release(
    session: Session, *, actor: Actor, policy: PolicyContext, account_id: str, invitation_id: str, reason: str
) -> Invitation:
    """Release a held invitation and enqueue its email. An orphaned invitation gets the actor as its new inviter.

    Raises `NotFound`, `Conflict` if it is not held, `PermissionDenied` if the checks hold it and this actor can't
    decide, and `Refused` if the checks now deny it.
    """
    actor = _admitted(session, actor, account_id)
    invitation, about = _held(session, account_id, invitation_id)
    if screen.is_orphaned(about):
        sponsors.take_over(session, actor=actor, invitation=invitation)
        session.flush()
        ((_, about),) = facts.facts_of_invitations(session, [invitation.id])
    judgement = evaluate(about, lists=policy.lists, settings=policy.settings)
    if judgement.verdict is Verdict.DENY:
        raise Refused(reasons_of(judgement.checks, Verdict.DENY))
    if judgement.verdict is Verdict.HOLD:
        _refuse_others(actor, policy, about)
    invitation.checks = judgement.as_json(about.at)
    for name, value in screen.let_through(session, invitation).items():
        setattr(invitation, name, value)
    manage.record_event(session, actor, Action.INVITATION_RELEASED, invitation, reason=reason)
    return invitation


def refuse(
    session: Session, *, actor: Actor, policy: PolicyContext, account_id: str, invitation_id: str, reason: str
) -> Invitation:
    """Block a held invitation, whose email is then never sent. Raises `NotFound`, `Conflict` or `PermissionDenied`."""
    actor = _admitted(session, actor, account_id)
    invitation, about = _held(session, account_id, invitation_id)
    if not screen.is_orphaned(about):
        _refuse_others(actor, policy, about)
    unsent_emails.give_back(session, [invitation])
    invitation.status, invitation.ended_at = Status.BLOCKED, func.now()
    manage.record_event(session, actor, Action.INVITATION_REFUSED, invitation, reason=reason)
    return invitation


def _admitted(session: Session, actor: Actor, account_id: str) -> Actor:
    if actor.kind is ActorKind.OPERATOR:
        return actor
    return locks.require(session, actor, Permission.TEAM_EDIT, account_id=account_id)


def _held(session: Session, account_id: str, invitation_id: str) -> tuple[Invitation, Facts]:
    invitation = manage.get(session, account_id=account_id, invitation_id=invitation_id, lock=True)
    if invitation.status != Status.HELD:
        raise Conflict(
            "invitation_closed",
            f"The invitation is {invitation.status} and not held, so nothing was changed.",
            remedy="Look at the invitation: somebody may have decided already.",
        )
    ((_, about),) = facts.facts_of_invitations(session, [invitation_id])
    return invitation, about


def _refuse_others(actor: Actor, policy: PolicyContext, about: Facts) -> None:
    """Raise `PermissionDenied` for an actor who can't decide about an invitation that the checks hold.

    A reported account can't decide about its own invitations.
    """
    owner_may = policy.settings.held_release_by == "owner" and not about.abuse_held
    by_owner = owner_may and actor.kind is ActorKind.USER and actor.role is Role.OWNER
    if actor.kind is not ActorKind.OPERATOR and not by_owner:
        also = " or the account's owner" if owner_may else ""
        raise PermissionDenied(
            f"The checks hold this invitation, and only the operator{also} decides about it. Nothing was changed.",
            permission="operator",
            remedy="Ask the operator, and say why it should go out; or revoke it and invite from another network.",
        )
