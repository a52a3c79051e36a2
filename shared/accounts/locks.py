"""An actor's current role in an account, locked until the transaction ends.

A role read a moment ago may be outdated. So a transaction that relies on a role takes a shared lock on the account's
row, and a transaction that changes the team takes an exclusive one. In a race, the second waits and then sees the
changes of the first. The account's row is always locked before invitations and members, which rules out deadlocks.
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
    """Keep the team unchanged until the transaction ends. Use `exclusive` before changing it."""
    session.execute(team_lock(account_id, exclusive=exclusive))


def team_lock(account_id: Any, *, exclusive: bool = False) -> Select[str]:
    """The statement for `lock_team`. `account_id` can be an SQL expression."""
    account = select(Account.id).where(Account.id == account_id)
    return account.with_for_update(key_share=True) if exclusive else account.with_for_update(read=True)


def current_actor(session: Session, actor: Actor, *, account_id: str, exclusive: bool = False) -> Actor:
    """The actor with their current roles, which can't change until the transaction ends.

    Raises `NotFound` for a removed member and for a revoked key.
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
    """The actor with their current roles, as in `current_actor`. Raises `PermissionDenied` without this permission."""
    actor = current_actor(session, actor, account_id=account_id, exclusive=exclusive)
    actor.require(permission)
    return actor
