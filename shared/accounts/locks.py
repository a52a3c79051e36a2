"""What an actor is in an account at this very moment, held still until the transaction ends.

A role that was read a moment ago may be gone by now. Whatever rests on one therefore shares a lock on the account's
row, and whoever changes the team takes that lock alone: one of two that race waits, and then sees what the other did.
The account's row is always locked first, invitations and members after it, so nobody waits in a circle.
"""

from dataclasses import replace
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from shared.actor import Actor, ActorKind
from shared.errors import NotFound
from shared.models import Account, ApiKey, Membership
from shared.permissions import Permission, Role


def lock_team(session: Session, account_id: str, *, exclusive: bool = False) -> None:
    """Keep the team as it is until the transaction ends; `exclusive` is for whoever changes it."""
    session.execute(team_lock(account_id, exclusive=exclusive))


def team_lock(account_id: Any, *, exclusive: bool = False) -> Select[str]:
    """The statement that does so; the account may be named by an expression."""
    account = select(Account.id).where(Account.id == account_id)
    return account.with_for_update(key_share=True) if exclusive else account.with_for_update(read=True)


def current_actor(session: Session, actor: Actor, *, account_id: str, exclusive: bool = False) -> Actor:
    """The actor with the roles of this moment, which stay theirs until the transaction ends.

    Raises `NotFound` for a member who has gone meanwhile, and for a key that was revoked.
    """
    lock_team(session, account_id, exclusive=exclusive)
    if actor.kind not in {ActorKind.USER, ActorKind.API_KEY}:
        return actor
    place = (Membership.account_id == account_id) & (Membership.user_id == actor.user_id)
    key = (ApiKey.account_id == Membership.account_id) & (ApiKey.id == actor.id) & ApiKey.revoked_at.is_(None)
    role = select(Membership.role).where(place)
    both = select(ApiKey.role, Membership.role).where(place, key)
    found = session.execute(both if actor.kind is ActorKind.API_KEY else role).one_or_none()
    if found is None:
        raise NotFound("There is no such account, or you don't belong to it any more.")
    return replace(actor, roles=tuple(map(Role, found)))


def require(
    session: Session, actor: Actor, permission: Permission, *, account_id: str, exclusive: bool = False
) -> Actor:
    """The same, for whoever has this permission; raises `PermissionDenied` for anybody else."""
    actor = current_actor(session, actor, account_id=account_id, exclusive=exclusive)
    actor.require(permission)
    return actor
