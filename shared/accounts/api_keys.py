"""API keys. Each belongs to one account, is shown once, is stored as a hash, and never exceeds its creator's role."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, and_, bindparam, func, or_, select, update
from sqlalchemy.orm import Session

from shared.accounts import locks
from shared.actor import Actor
from shared.audit import log as audit_log
from shared.audit.events import Action
from shared.db.autocommit import SessionOrConnection
from shared.db.prepared import PreparedQuery
from shared.errors import Invalid, PermissionDenied, Reason, Refused, Who
from shared.ids import new_id
from shared.models import Account, ApiKey, Membership
from shared.models.api_key import is_live
from shared.permissions import Permission, Role, possible_permissions_of
from shared.tokens import draw, sha256

PREFIX = "ushk_"
"""Prefix of every API key. Secret scanners can recognize it in logs and repositories."""

USED_EVERY = timedelta(minutes=1)
"""Minimum interval between two updates of `last_used_at`, to limit writes for a busy key."""


MOST_SHOWN = 100
"""Maximum number of one user's keys listed during a password reset."""


class FoundKey(NamedTuple):
    """The fields of a live key that every API request reads. Cheaper than an ORM row."""

    id: str
    account_id: str
    role: Role
    created_by: str
    creators_role: Role
    use_is_due: bool


LIVE = (
    select(
        ApiKey.id,
        ApiKey.account_id,
        ApiKey.role,
        ApiKey.created_by,
        Membership.role.label("creators_role"),
        or_(ApiKey.last_used_at.is_(None), ApiKey.last_used_at < func.now() - USED_EVERY).label("use_is_due"),
    )
    .join(Membership, and_(Membership.account_id == ApiKey.account_id, Membership.user_id == ApiKey.created_by))
    .where(ApiKey.token_hash == bindparam("hash"), is_live())
)
"""The live key with this `hash` and its creator's current role, for `as_found_key`. No row if the creator has left the
account."""

_FIND = PreparedQuery(LIVE)


def create(
    session: Session,
    *,
    actor: Actor,
    account_id: str,
    name: str,
    role: Role,
    created_by: str,
    expires_at: datetime | None = None,
    secret: str | None = None,
) -> tuple[ApiKey, str]:
    """Create a key. Returns its row and the secret, which is not stored.

    A given `secret` must be PREFIX followed by 256 random bits. Without one, the secret is generated.
    """
    secret = secret or PREFIX + draw()
    key = ApiKey(
        id=new_id("key"),
        account_id=account_id,
        token_hash=sha256(secret),
        hint=secret[: len(PREFIX) + 4],
        name=name,
        role=role,
        created_by=created_by,
        expires_at=expires_at,
    )
    session.add(key)
    session.flush()
    audit_log.record(
        session, actor, Action.API_KEY_CREATED, subject_id=key.id, account_id=account_id, name=name, role=role
    )
    return key, secret


def issue(
    session: Session,
    *,
    actor: Actor,
    account_id: str,
    name: str,
    role: Role,
    expires_at: datetime | None,
    secret: str | None = None,
) -> tuple[ApiKey, str]:
    """Create a key for the actor. Raises `Refused` if the key's role allows more than the actor's own roles."""
    actor = locks.require(session, actor, Permission.CREDENTIALS_EDIT, account_id=account_id)
    if not actor.covers(role):
        raise Refused([_above(role, actor)])
    if expires_at is not None and session.scalar(select(func.now() >= expires_at)):
        raise Invalid([("expires_at", "Lies in the past.")])
    return create(
        session,
        actor=actor,
        account_id=account_id,
        name=name,
        role=role,
        created_by=str(actor.user_id),
        expires_at=expires_at,
        secret=secret,
    )


def list_keys(session: Session, *, account_id: str, before: str | None, limit: int) -> list[ApiKey]:
    """A page of the account's keys, newest first, before the id `before`. Includes revoked keys."""
    query = select(ApiKey).where(ApiKey.account_id == account_id)
    if before is not None:
        query = query.where(ApiKey.id < before)
    return list(session.scalars(query.order_by(ApiKey.id.desc()).limit(limit)))


def matching(session: Session, *, account_id: str, key_id: str, secrets: Sequence[str]) -> str | None:
    """The one of these secrets that belongs to this key of the account, or None."""
    this = and_(ApiKey.account_id == account_id, ApiKey.id == key_id)
    digest = session.scalar(select(ApiKey.token_hash).where(this))
    return next((secret for secret in secrets if sha256(secret) == digest), None)


def may_end(actor: Actor, key: ApiKey) -> bool:
    """Return True if the actor may revoke this key: it is their own, or its role is not above theirs.

    A role is above another if it has all of its permissions and more.
    """
    return key.created_by == actor.user_id or not possible_permissions_of(Role.from_row(key.role)) > _permissions(actor)


def revoke_all(session: Session, *, actor: Actor, account_id: str, created_by: str) -> None:
    """Revoke all keys that this user created in the account."""
    revoke_where(session, actor, account_id, live_of(account_id, created_by))


def of_creator(session: Session, *, created_by: str) -> list[tuple[ApiKey, str]]:
    """Live keys that this user created, each with its account's name, newest first. At most `MOST_SHOWN`."""
    query = select(ApiKey, Account.name).join(Account, Account.id == ApiKey.account_id)
    query = query.join(
        Membership, and_(Membership.account_id == ApiKey.account_id, Membership.user_id == ApiKey.created_by)
    )
    query = query.where(Membership.user_id == created_by, is_live()).order_by(ApiKey.id.desc()).limit(MOST_SHOWN)
    return [(key, name) for key, name in session.execute(query)]


def live_by_creator(session: Session, user_ids: Sequence[str]) -> dict[str, int]:
    """Number of live keys per creator, by user id. Omits users without any."""
    if not user_ids:
        return {}
    theirs = and_(Membership.account_id == ApiKey.account_id, Membership.user_id == ApiKey.created_by)
    query = select(Membership.user_id, func.count()).join(ApiKey, theirs)
    query = query.where(Membership.user_id.in_(user_ids), is_live()).group_by(Membership.user_id)
    return {str(user_id): int(count) for user_id, count in session.execute(query)}


def live_of(account_id: str, created_by: str) -> ColumnElement[bool]:
    """SQL condition for the keys that this user created in the account and that are not revoked."""
    return and_(ApiKey.account_id == account_id, ApiKey.created_by == created_by, ApiKey.revoked_at.is_(None))


def find_live(connection: SessionOrConnection, secret: str) -> FoundKey | None:
    """The live key with this secret and its creator's current role. None if the creator has left the account."""
    rows = _FIND.fetch(connection, hash=sha256(secret))
    return as_found_key(rows[0]) if rows else None


def as_found_key(row: Sequence[Any]) -> FoundKey:
    """Parse a row of `LIVE`."""
    key_id, account_id, role, created_by, creators_role, use_is_due = row
    return FoundKey(key_id, account_id, Role.from_row(role), created_by, Role.from_row(creators_role), use_is_due)


def record_use(session: Session, key_id: str) -> None:
    """Set the key's last use to now."""
    session.execute(update(ApiKey).where(ApiKey.id == key_id).values(last_used_at=func.now()))


def revoke_where(session: Session, actor: Actor, account_id: str, which: ColumnElement[bool]) -> None:
    """Revoke the keys that match the condition, and record each in the audit log."""
    ended = update(ApiKey).where(which, ApiKey.revoked_at.is_(None)).values(revoked_at=func.now())
    for key_id, name, role in session.execute(ended.returning(ApiKey.id, ApiKey.name, ApiKey.role)).all():
        before = {"name": name, "role": role}
        audit_log.record(
            session, actor, Action.API_KEY_REVOKED, subject_id=key_id, account_id=account_id, before=before
        )


def _permissions(actor: Actor) -> frozenset[Permission]:
    return frozenset(permission for permission in Permission if actor.may(permission))


def _stronger(actor: Actor, role: Role) -> PermissionDenied:
    return PermissionDenied(
        f"This key has the role {role}, which is above the role {actor.role}. Nothing was changed.",
        permission=min(possible_permissions_of(role) - _permissions(actor)),
        remedy=f"Ask a person with the role {role}, or the one who created the key.",
    )


def _above(role: Role, actor: Actor) -> Reason:
    return Reason(
        "role_not_assignable",
        f"A key with the role {role} could do what the role {actor.role} may not. No key was made.",
        "Choose a role that allows no more than your own.",
        Who.INVITER,
    )
