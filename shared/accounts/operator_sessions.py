"""The operator's sign-ins on the pages: a row each, so that signing out ends one at once.

A row is found by the hash of its token and of the operator key together, so another key ends them all.
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
    """Sign the operator in; returns the token, which nothing keeps."""
    token = draw()
    row = insert(OperatorSession).values(token_hash=_hash(token, operator_key), expires_at=func.now() + ttl)
    session.execute(row)
    return token


def is_live(connection: SessionOrConnection, *, token: str, operator_key: str) -> bool:
    """Whether this token still counts as the operator's."""
    return bool(_LIVE.fetch(connection, hash=_hash(token, operator_key)))


def end(session: Session, *, token: str, operator_key: str) -> None:
    """Sign out: the token opens nothing from now on."""
    session.execute(delete(OperatorSession).where(OperatorSession.token_hash == _hash(token, operator_key)))


def _hash(token: str, operator_key: str) -> bytes:
    return sha256(f"{token}/{operator_key}")
