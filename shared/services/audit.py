"""Records what happened, in the transaction in which it happens."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.actor import Actor
from shared.ids import new_id
from shared.models import AuditEvent


def record(
    session: Session, actor: Actor, action: str, *, subject_id: str, account_id: str | None = None, **data: Any
) -> None:
    """Append one event; `action` is `noun.past`, such as `invitation.accepted`, and `data` holds no secret."""
    session.add(
        AuditEvent(
            id=new_id("evt"),
            account_id=account_id,
            subject_id=subject_id,
            action=action,
            actor=actor.as_json(),
            request_id=actor.request_id,
            origin=actor.origin,
            data=data,
        )
    )


def timeline(session: Session, *, account_id: str, subject_id: str, after: int, limit: int) -> list[AuditEvent]:
    """The events about one thing, oldest first, from behind `after` on."""
    query = select(AuditEvent).where(
        AuditEvent.account_id == account_id, AuditEvent.subject_id == subject_id, AuditEvent.seq > after
    )
    return list(session.scalars(query.order_by(AuditEvent.seq).limit(limit)))
