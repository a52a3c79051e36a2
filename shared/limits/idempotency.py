"""Stores the first answer to a request in the transaction of its effect, and repeats it for the same request.

The primary key decides when identical requests race: the second waits for the first to commit, then returns its answer.
A failed request leaves nothing behind, so it can be sent again with the same key.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import ColumnElement, and_, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from shared.errors import Conflict
from shared.models import IdempotencyKey

RETENTION = timedelta(days=1)
"""Time that an answer is kept."""


SPENT = 410
"""The status of a one-time answer after it was given."""

SPENT_AT = "spent_at"
"""The header that stores when such an answer was first given, in seconds since 1970."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request as stored with its answer: its caller, their idempotency key, and the fingerprint of its content."""

    caller: str
    key: str
    fingerprint: bytes


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """The first answer to a request."""

    status: int
    headers: dict[str, str]
    body: bytes


def begin(session: Session, requests: Sequence[Request]) -> StoredResponse | None:
    """Claim the key for this request. Returns the stored answer if it was claimed before.

    `requests` are the same request with a fingerprint under each secret key, newest key first. Raises `Conflict` if the
    key belongs to a different request.
    """
    newest = requests[0]
    first = _kept(session, requests) if len(requests) > 1 else None
    if first is None:
        row = insert(IdempotencyKey).values(caller=newest.caller, key=newest.key, fingerprint=newest.fingerprint)
        if session.scalar(row.on_conflict_do_nothing().returning(IdempotencyKey.key)) is not None:
            return None
        first = _kept(session, requests[:1])
    known = {request.fingerprint for request in requests}
    if first is None or first.fingerprint not in known or first.status is None or first.body is None:
        raise Conflict(
            "idempotency_conflict",
            "This Idempotency-Key was used for another request. Nothing was changed.",
            remedy="Use a fresh key for each request, and the same key only to send the same request again.",
        )
    return StoredResponse(first.status, dict(first.headers or {}), first.body)


def finish(session: Session, request: Request, *, answer: StoredResponse) -> None:
    """Store the answer to repeat it later."""
    kept = {"status": answer.status, "headers": answer.headers, "body": answer.body}
    session.execute(update(IdempotencyKey).where(_named(request.caller, request.key)).values(**kept))


def find(session: Session, *, caller: str, key: str) -> StoredResponse | None:
    """The stored answer to this caller's request, or None."""
    first = session.scalars(select(IdempotencyKey).where(_named(caller, key))).one_or_none()
    if first is None or first.status is None or first.body is None:
        return None
    return StoredResponse(first.status, dict(first.headers or {}), first.body)


def spend(session: Session, *, caller: str, key: str, window: timedelta) -> bool:
    """Mark a one-time answer as given. Returns True the first time, and for `window` after it."""
    mine = _named(caller, key)
    spent_now = {"status": SPENT, "headers": func.jsonb_build_object(SPENT_AT, func.extract("epoch", func.now()))}
    first = update(IdempotencyKey).where(mine, IdempotencyKey.status != SPENT).values(spent_now)
    if session.scalar(first.returning(IdempotencyKey.key)) is not None:
        return True
    since = IdempotencyKey.headers[SPENT_AT].as_float() > func.extract("epoch", func.now() - window)
    return session.scalar(select(IdempotencyKey.key).where(mine, since)) is not None


def _kept(session: Session, requests: Sequence[Request]) -> IdempotencyKey | None:
    same = or_(*(_named(request.caller, request.key) for request in requests))
    return session.scalars(select(IdempotencyKey).where(same).limit(1)).one_or_none()


def _named(caller: str, key: str) -> ColumnElement[bool]:
    return and_(IdempotencyKey.caller == caller, IdempotencyKey.key == key)
