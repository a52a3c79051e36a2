"""Changes of a team: the role of a member or of an invitation, and the end of a membership.

Everything here looks again at who acts, under the account's lock, so that somebody who was demoted a moment ago
changes nothing any more, and of two who act on each other one comes too late.
"""

from dataclasses import dataclass

from sqlalchemy import and_, select, update
from sqlalchemy.orm import Session

from shared.accounts import api_keys, locks
from shared.accounts.api_keys import _stronger, may_end, revoke_all, revoke_where
from shared.actor import Actor, ActorKind
from shared.audit import log as audit_log
from shared.audit.events import Action
from shared.checks.membership import check_role
from shared.db.predicates import in_literals
from shared.errors import Conflict, NotFound, Refused
from shared.invitations import manage, sponsors
from shared.models import OPEN, ApiKey, Invitation, Membership, User
from shared.models.api_key import is_live
from shared.permissions import ASSIGNABLE, Permission, Role


@dataclass(frozen=True, slots=True)
class RemovalPreview:
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
    actor = locks.require(session, actor, Permission.TEAM_EDIT, account_id=account_id, exclusive=True)
    membership, user = _member(session, account_id, membership_id)
    if user.id == actor.user_id:
        raise Conflict("own_role", "Nobody changes their own role.", remedy="Ask another admin, or the owner.")
    _refuse_owner(membership)
    _refuse_unassignable(actor, role)
    if membership.role != role:
        before, membership.role = membership.role, role
        _record(session, actor, Action.MEMBER_ROLE_CHANGED, membership, before=before, after=role)
        session.flush()
        _hold_orphaned(session, actor, membership)
    return membership, user


def remove(session: Session, *, actor: Actor, account_id: str, membership_id: str) -> None:
    """End a membership for good, the keys of that member, and their part in open invitations; of one's own: leave.

    Raises `Conflict` for the owner, who can't be removed and can't leave.
    """
    actor = locks.current_actor(session, actor, account_id=account_id, exclusive=True)
    own = select(Membership.id).where(Membership.account_id == account_id, Membership.user_id == actor.user_id)
    leaves = actor.kind is ActorKind.USER and session.scalar(own) == membership_id
    if not leaves:
        actor.require(Permission.TEAM_EDIT)
    membership, user = _member(session, account_id, membership_id)
    _refuse_owner(membership)
    if user.id == actor.user_id and not leaves:
        raise Conflict("own_role", "A key can't remove the person who answers for it.", remedy="Remove them yourself.")
    _end(session, actor, membership, user)
    action = Action.MEMBER_LEFT if leaves else Action.MEMBER_REMOVED
    _record(session, actor, action, membership, before=membership.role, user_id=user.id)


def preview_removal(session: Session, *, account_id: str, membership_id: str) -> RemovalPreview:
    """What removing this member would end; changes nothing."""
    membership, user = _member(session, account_id, membership_id)
    _refuse_owner(membership)
    keys = api_keys.live_of(account_id, user.id)
    open_ones = select(Invitation).where(
        Invitation.account_id == account_id, in_literals(Invitation.status, *OPEN), Invitation.invited_by == user.id
    )
    return RemovalPreview(
        membership,
        user,
        list(session.scalars(select(ApiKey).where(keys).order_by(ApiKey.id))),
        list(session.scalars(open_ones.order_by(Invitation.id))),
    )


def change_invitation_role(
    session: Session, *, actor: Actor, account_id: str, invitation_id: str, role: Role
) -> Invitation:
    """Have an invitation that is still open offer another role; `Conflict` once it has ended."""
    actor = locks.require(session, actor, Permission.TEAM_EDIT, account_id=account_id)
    invitation = manage.get(session, account_id=account_id, invitation_id=invitation_id, lock=True)
    if invitation.status not in OPEN:
        raise manage.closed(invitation)
    _refuse_unassignable(actor, role)
    before, invitation.role = invitation.role, role
    manage.record_event(session, actor, Action.INVITATION_ROLE_CHANGED, invitation, before=before, after=role)
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
    sponsors.hold_orphaned(session, actor=actor, account_id=membership.account_id, which=theirs)


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


def _record(session: Session, actor: Actor, action: Action, membership: Membership, **data: object) -> None:
    audit_log.record(session, actor, action, subject_id=membership.id, account_id=membership.account_id, **data)


def revoke_api_key(session: Session, *, actor: Actor, account_id: str, key_id: str) -> None:
    """End a key at once, and hold what it invited; a key that was revoked before stays as it is.

    Raises `PermissionDenied` for somebody else's key with a role above the actor's.
    """
    actor = locks.require(session, actor, Permission.CREDENTIALS_EDIT, account_id=account_id, exclusive=True)
    this = and_(ApiKey.account_id == account_id, ApiKey.id == key_id)
    key = session.scalars(select(ApiKey).where(this)).one_or_none()
    if key is None:
        raise NotFound("There is no such key in this account.")
    if not may_end(actor, key):
        raise _stronger(actor, Role.from_row(key.role))
    revoke_where(session, actor, account_id, this)
    whose = Invitation.invited_via == key_id
    sponsors.hold_orphaned(session, actor=actor, account_id=account_id, which=whose)


def revoke_of_creator(session: Session, *, actor: Actor, created_by: str) -> None:
    """End all keys that this person made, in whatever account, and hold what those keys invited."""
    theirs = and_(Membership.account_id == ApiKey.account_id, Membership.user_id == ApiKey.created_by)
    within = select(ApiKey.account_id).join(Membership, theirs).where(Membership.user_id == created_by, is_live())
    for account_id in session.scalars(within.distinct()).all():
        made = select(ApiKey.id).where(ApiKey.account_id == account_id, ApiKey.created_by == created_by)
        revoke_all(session, actor=actor, account_id=account_id, created_by=created_by)
        whose = Invitation.invited_via.in_(made)
        sponsors.hold_orphaned(session, actor=actor, account_id=account_id, which=whose)
