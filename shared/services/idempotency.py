"""`Idempotency-Key`: the first answer to a request is kept, in the transaction of its effect, and given again.

The primary key decides when equal requests race: the second waits for the first to commit, then answers what it did.
A request that failed leaves nothing behind, so it can be sent again under the same key.
"""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import ColumnElement, and_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from shared.errors import Conflict
from shared.models import IdempotencyKey

KEPT_FOR = timedelta(days=1)
"""How long an answer is kept."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered the first time."""

    status: int
    headers: dict[str, str]
    body: bytes


def begin(session: Session, *, caller: str, key: str, fingerprint: bytes) -> Answer | None:
    """Take the key for this request; the kept answer where it was taken before, `Conflict` if for something else."""
    row = insert(IdempotencyKey).values(caller=caller, key=key, fingerprint=fingerprint)
    if session.scalar(row.on_conflict_do_nothing().returning(IdempotencyKey.key)) is not None:
        return None
    first = session.execute(select(IdempotencyKey).where(_named(caller, key))).scalar_one()
    if first.fingerprint != fingerprint or first.status is None or first.body is None:
        raise Conflict(
            "idempotency_conflict",
            "This Idempotency-Key was used for another request. Nothing was changed.",
            remedy="Use a fresh key for each request, and the same key only to send the same request again.",
        )
    return Answer(first.status, dict(first.headers or {}), first.body)


def finish(session: Session, *, caller: str, key: str, answer: Answer) -> None:
    """Keep the answer, to be given again."""
    kept = {"status": answer.status, "headers": answer.headers, "body": answer.body}
    session.execute(update(IdempotencyKey).where(_named(caller, key)).values(**kept))


def _named(caller: str, key: str) -> ColumnElement[bool]:
    return and_(IdempotencyKey.caller == caller, IdempotencyKey.key == key)
