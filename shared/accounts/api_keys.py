"""Keys with which programs act in one account: shown once, kept as a hash, bounded by the role of their creator."""

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
"""What every key begins with, so that one found in a log or a repository is known for what it is."""

USED_EVERY = timedelta(minutes=1)
"""How fine `last_used_at` is: a busy key writes no more often than this."""


MOST_SHOWN = 100
"""How many keys of one person are shown where their password is reset."""


class FoundKey(NamedTuple):
    """A live key as requests need it: cheap to read, since every request of a program reads one."""

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
"""The live key of this `hash`, as `as_found_key` reads it, with the role its creator has now; none once they have
left."""

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
    """Make a key; the second of what is returned is the key itself, which nothing keeps.

    It is drawn unless its `secret` is given: PREFIX and 256 bits that nobody else can know.
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
    """Make a key for the actor, who answers for it; `Refused` where the key could do more than they."""
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
    """The account's keys, the newest first, from before `before` on; those that were revoked are among them."""
    query = select(ApiKey).where(ApiKey.account_id == account_id)
    if before is not None:
        query = query.where(ApiKey.id < before)
    return list(session.scalars(query.order_by(ApiKey.id.desc()).limit(limit)))


def matching(session: Session, *, account_id: str, key_id: str, secrets: Sequence[str]) -> str | None:
    """Which of these secrets this key of the account has, if any."""
    this = and_(ApiKey.account_id == account_id, ApiKey.id == key_id)
    digest = session.scalar(select(ApiKey.token_hash).where(this))
    return next((secret for secret in secrets if sha256(secret) == digest), None)


def may_end(actor: Actor, key: ApiKey) -> bool:
    """Whether the actor may end this key: one of their own, or one whose role is not above theirs.

    A role is above another where it may do all that the other may, and more.
    """
    return key.created_by == actor.user_id or not possible_permissions_of(Role.from_row(key.role)) > _permissions(actor)


def revoke_all(session: Session, *, actor: Actor, account_id: str, created_by: str) -> None:
    """End all keys that this person made in the account."""
    revoke_where(session, actor, account_id, live_of(account_id, created_by))


def of_creator(session: Session, *, created_by: str) -> list[tuple[ApiKey, str]]:
    """The live keys that this person made, each with its account's name, the newest first; 100 at most."""
    query = select(ApiKey, Account.name).join(Account, Account.id == ApiKey.account_id)
    query = query.join(
        Membership, and_(Membership.account_id == ApiKey.account_id, Membership.user_id == ApiKey.created_by)
    )
    query = query.where(Membership.user_id == created_by, is_live()).order_by(ApiKey.id.desc()).limit(MOST_SHOWN)
    return [(key, name) for key, name in session.execute(query)]


def live_by_creator(session: Session, user_ids: Sequence[str]) -> dict[str, int]:
    """How many live keys each of these people has made."""
    if not user_ids:
        return {}
    theirs = and_(Membership.account_id == ApiKey.account_id, Membership.user_id == ApiKey.created_by)
    query = select(Membership.user_id, func.count()).join(ApiKey, theirs)
    query = query.where(Membership.user_id.in_(user_ids), is_live()).group_by(Membership.user_id)
    return {str(user_id): int(count) for user_id, count in session.execute(query)}


def live_of(account_id: str, created_by: str) -> ColumnElement[bool]:
    """Which keys are this person's in the account and not revoked."""
    return and_(ApiKey.account_id == account_id, ApiKey.created_by == created_by, ApiKey.revoked_at.is_(None))


def find_live(connection: SessionOrConnection, secret: str) -> FoundKey | None:
    """The live key that this is, with the role its creator has now; a key whose creator has left opens nothing."""
    rows = _FIND.fetch(connection, hash=sha256(secret))
    return as_found_key(rows[0]) if rows else None


def as_found_key(row: Sequence[Any]) -> FoundKey:
    """The key that a row of `LIVE` tells of."""
    key_id, account_id, role, created_by, creators_role, use_is_due = row
    return FoundKey(key_id, account_id, Role.from_row(role), created_by, Role.from_row(creators_role), use_is_due)


def record_use(session: Session, key_id: str) -> None:
    """Note that the key was used just now."""
    session.execute(update(ApiKey).where(ApiKey.id == key_id).values(last_used_at=func.now()))


def revoke_where(session: Session, actor: Actor, account_id: str, which: ColumnElement[bool]) -> None:
    """Revoke the keys that the condition picks, and record each in the audit log."""
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
