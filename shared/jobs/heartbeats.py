"""Heartbeats of workers and schedulers, by the database clock."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from shared.models import Heartbeat, Part

EVERY = timedelta(seconds=5)
SILENT_AFTER = timedelta(seconds=60)
"""A process without a heartbeat for this long counts as dead. One batch of emails can take 45 seconds."""


def record(session: Session, name: str, part: Part, **data: Any) -> None:
    """Record a heartbeat for this process. `data` describes its current work."""
    row = insert(Heartbeat).values(name=name, part=part, data=data)
    session.execute(
        row.on_conflict_do_update(index_elements=[Heartbeat.name], set_={"beat_at": func.now(), "data": data})
    )


def end(session: Session, name: str) -> None:
    """Remove this process from the list. Called on a clean shutdown."""
    session.execute(delete(Heartbeat).where(Heartbeat.name == name))


def list_alive(session: Session, part: Part | None = None) -> list[Heartbeat]:
    """Processes with a heartbeat in the last minute, ordered by name."""
    query = select(Heartbeat).where(Heartbeat.beat_at > func.now() - SILENT_AFTER)
    query = query if part is None else query.where(Heartbeat.part == part)
    return list(session.scalars(query.order_by(Heartbeat.name).execution_options(populate_existing=True)))


def last_seen(session: Session, part: Part) -> datetime | None:
    """Time of the newest heartbeat of any process of this kind, or None."""
    return session.scalar(select(func.max(Heartbeat.beat_at)).where(Heartbeat.part == part))
