"""Changes of a team: the role of a member or of an invitation, and the end of a membership.

Everything here looks again at who acts, under the account's lock, so that somebody who was demoted a moment ago
changes nothing any more, and of two who act on each other one comes too late.
"""

from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from shared.actor import Actor, ActorKind
from shared.checks.recipient import check_role
from shared.errors import Conflict, NotFound, Refused
from shared.models import OPEN, ApiKey, Invitation, Membership, User
from shared.models.columns import among
from shared.permissions import ASSIGNABLE, Permission, Role
from shared.services import api_keys, audit, invitations, inviters, standing


@dataclass(frozen=True, slots=True)
class Ending:
    """What removing a member would end."""

    membership: Membership
    user: User
    api_keys: list[ApiKey]
    invitations: list[Invitation]


def change_role(
    session: Session, *, actor: Actor, account_id: str, membership_id: str, role: Role
) -> tuple[Membership, User]:
    """Give a member another role, from this moment on; what they invited and may not any more is held.

    Raises `Conflict` for the owner's role and for one's own, `Refused` for a role that the actor may not give.
    """
    actor = standing.permitted(session, actor, Permission.TEAM_EDIT, account_id=account_id, alone=True)
    membership, user = _member(session, account_id, membership_id)
    if user.id == actor.user_id:
        raise Conflict("own_role", "Nobody changes their own role.", remedy="Ask another admin, or the owner.")
    _refuse_owner(membership)
    _refuse_unassignable(actor, role)
    if membership.role != role:
        before, membership.role = membership.role, role
        _record(session, actor, "member.role_changed", membership, before=before, after=role)
        session.flush()
        _hold_orphaned(session, actor, membership)
    return membership, user


def remove(session: Session, *, actor: Actor, account_id: str, membership_id: str) -> None:
    """End a membership for good, the keys of that member, and their part in open invitations; of one's own: leave.

    Raises `Conflict` for the owner, who can't be removed and can't leave.
    """
    actor = standing.again(session, actor, account_id=account_id, alone=True)
    own = select(Membership.id).where(Membership.account_id == account_id, Membership.user_id == actor.user_id)
    leaves = actor.kind is ActorKind.USER and session.scalar(own) == membership_id
    if not leaves:
        actor.require(Permission.TEAM_EDIT)
    membership, user = _member(session, account_id, membership_id)
    _refuse_owner(membership)
    if user.id == actor.user_id and not leaves:
        raise Conflict("own_role", "A key can't remove the person who answers for it.", remedy="Remove them yourself.")
    _end(session, actor, membership, user)
    action = "member.left" if leaves else "member.removed"
    _record(session, actor, action, membership, before=membership.role, user_id=user.id)


def ending(session: Session, *, account_id: str, membership_id: str) -> Ending:
    """What removing this member would end; changes nothing."""
    membership, user = _member(session, account_id, membership_id)
    _refuse_owner(membership)
    keys = api_keys.live_of(account_id, user.id)
    open_ones = select(Invitation).where(
        Invitation.account_id == account_id, among(Invitation.status, *OPEN), Invitation.invited_by == user.id
    )
    return Ending(
        membership,
        user,
        list(session.scalars(select(ApiKey).where(keys).order_by(ApiKey.id))),
        list(session.scalars(open_ones.order_by(Invitation.id))),
    )


def change_offer(session: Session, *, actor: Actor, account_id: str, invitation_id: str, role: Role) -> Invitation:
    """Have an invitation that is still open offer another role; `Conflict` once it has ended."""
    actor = standing.permitted(session, actor, Permission.TEAM_EDIT, account_id=account_id)
    invitation = invitations.get(session, account_id=account_id, invitation_id=invitation_id, lock=True)
    if invitation.status not in OPEN:
        raise invitations.closed(invitation)
    _refuse_unassignable(actor, role)
    before, invitation.role = invitation.role, role
    invitations.note(session, actor, "invitation.role_changed", invitation, before=before, after=role)
    return invitation


def _end(session: Session, actor: Actor, membership: Membership, user: User) -> None:
    account_id = membership.account_id
    api_keys.revoke_all(session, actor=actor, account_id=account_id, created_by=user.id)
    accepted = (Invitation.account_id == account_id) & (Invitation.membership_id == membership.id)
    session.execute(update(Invitation).where(accepted).values(membership_id=None))
    session.execute(
        update(User).where(User.id == user.id, User.default_account_id == account_id).values(default_account_id=None)
    )
    session.delete(membership)
    session.flush()
    _hold_orphaned(session, actor, membership)


def _hold_orphaned(session: Session, actor: Actor, membership: Membership) -> None:
    theirs = Invitation.invited_by == membership.user_id
    inviters.hold_orphaned(session, actor=actor, account_id=membership.account_id, whose=theirs)


def _member(session: Session, account_id: str, membership_id: str) -> tuple[Membership, User]:
    query = select(Membership, User).join(User, User.id == Membership.user_id)
    query = query.where(Membership.account_id == account_id, Membership.id == membership_id)
    found = session.execute(query.execution_options(populate_existing=True)).one_or_none()
    if found is None:
        raise NotFound("There is no such member in this account.")
    return found[0], found[1]


def _refuse_owner(membership: Membership) -> None:
    if membership.role not in ASSIGNABLE:
        raise Conflict(
            "owner_immutable",
            "The owner can't be changed or removed, and can't leave. Nothing was changed.",
            remedy="The owner is whoever made the account, for as long as it is there.",
        )


def _refuse_unassignable(actor: Actor, role: Role) -> None:
    reasons = check_role(role, actor.assignable).reasons
    if reasons:
        raise Refused(reasons)


def _record(session: Session, actor: Actor, action: str, membership: Membership, **data: object) -> None:
    audit.record(session, actor, action, subject_id=membership.id, account_id=membership.account_id, **data)
