"""Keys with which programs act in one account: shown once, kept as a hash, bounded by the role of their creator."""

from datetime import datetime

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from shared.actor import Actor
from shared.ids import new_id
from shared.models import ApiKey, Membership
from shared.permissions import Role
from shared.services import audit
from shared.tokens import draw, sha256

PREFIX = "ushk_"
"""What every key begins with, so that one found in a log or a repository is known for what it is."""


def create(
    session: Session,
    *,
    actor: Actor,
    account_id: str,
    name: str,
    role: Role,
    created_by: str,
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """Make a key; the second of what is returned is the key itself, which nothing keeps."""
    secret = PREFIX + draw()
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
    audit.record(session, actor, "api_key.created", subject_id=key.id, account_id=account_id, name=name, role=role)
    return key, secret


def find(session: Session, secret: str) -> tuple[ApiKey, Role] | None:
    """The live key that this is, with the role its creator has now; a key whose creator has left opens nothing."""
    query = select(ApiKey, Membership.role).join(
        Membership, (Membership.account_id == ApiKey.account_id) & (Membership.user_id == ApiKey.created_by)
    )
    live = ApiKey.revoked_at.is_(None) & or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > func.now())
    row = session.execute(query.where(ApiKey.token_hash == sha256(secret), live)).one_or_none()
    return None if row is None else (row[0], Role(row[1]))
