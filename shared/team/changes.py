"""Changes to a team: roles of members and invitations, removal of members, and revocation of their API keys.

Each change checks the actor's current role again under the account's lock. A member demoted a moment ago can't change
anything, and of two members who remove each other, the second fails.
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
    """A member and what removing them would end."""

    membership: Membership
    user: User
    api_keys: list[ApiKey]
    invitations: list[Invitation]


def change_role(
    session: Session, *, actor: Actor, account_id: str, membership_id: str, role: Role
) -> tuple[Membership, User]:
    """Change a member's role immediately. Open invitations they sent with a role they may no longer give go on hold.

    Raises `Conflict` for the owner's role and for the actor's own, and `Refused` for a role the actor can't assign.
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
    """Remove a member, or leave if it is the actor's own membership.

    Also revokes the member's API keys in this account and puts their open invitations on hold. Raises `Conflict` for
    the owner, who can't be removed and can't leave.
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
    """List what removing this member would end, without any changes."""
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
    """Change the role of an open invitation. Raises `Conflict` for a closed one."""
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
    """Revoke an API key immediately and put the invitations it sent on hold. No effect on a key that is already
    revoked.

    Raises `PermissionDenied` for another member's key with a role above the actor's.
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
    """Revoke all of a user's API keys in every account, and put the invitations sent with them on hold."""
    theirs = and_(Membership.account_id == ApiKey.account_id, Membership.user_id == ApiKey.created_by)
    within = select(ApiKey.account_id).join(Membership, theirs).where(Membership.user_id == created_by, is_live())
    for account_id in session.scalars(within.distinct()).all():
        made = select(ApiKey.id).where(ApiKey.account_id == account_id, ApiKey.created_by == created_by)
        revoke_all(session, actor=actor, account_id=account_id, created_by=created_by)
        whose = Invitation.invited_via.in_(made)
        sponsors.hold_orphaned(session, actor=actor, account_id=account_id, which=whose)
