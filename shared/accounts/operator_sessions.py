"""The operator's sessions on the pages. Each is a row, so signing out ends it immediately.

A session is found by a hash of its token and the operator key, so a new key ends all sessions.
"""

from datetime import timedelta

from sqlalchemy import bindparam, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from shared.db.autocommit import SessionOrConnection
from shared.db.prepared import PreparedQuery
from shared.models import OperatorSession
from shared.tokens import draw, sha256

_LIVE = PreparedQuery(
    select(OperatorSession.expires_at).where(
        OperatorSession.token_hash == bindparam("hash"), OperatorSession.expires_at > func.now()
    )
)


def start(session: Session, *, operator_key: str, ttl: timedelta) -> str:
    """Start a session. Returns its token, which is stored only as a hash."""
    token = draw()
    row = insert(OperatorSession).values(token_hash=_hash(token, operator_key), expires_at=func.now() + ttl)
    session.execute(row)
    return token


def is_live(connection: SessionOrConnection, *, token: str, operator_key: str) -> bool:
    """Return True if this token belongs to a live operator session."""
    return bool(_LIVE.fetch(connection, hash=_hash(token, operator_key)))


def end(session: Session, *, token: str, operator_key: str) -> None:
    """Sign out. The token no longer works."""
    session.execute(delete(OperatorSession).where(OperatorSession.token_hash == _hash(token, operator_key)))


def _hash(token: str, operator_key: str) -> bytes:
    return sha256(f"{token}/{operator_key}")
