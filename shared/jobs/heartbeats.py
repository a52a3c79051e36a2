"""Signs of life of workers and schedulers, by the database's clock: who runs, and who has fallen silent."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from shared.models import Heartbeat, Part

EVERY = timedelta(seconds=5)
SILENT_AFTER = timedelta(seconds=60)
"""A part that has said nothing for so long is taken for dead; one round of mails can take 45 seconds."""


def record(session: Session, name: str, part: Part, **data: Any) -> None:
    """Say that this part lives; `data` tells what it is at."""
    row = insert(Heartbeat).values(name=name, part=part, data=data)
    session.execute(
        row.on_conflict_do_update(index_elements=[Heartbeat.name], set_={"beat_at": func.now(), "data": data})
    )


def end(session: Session, name: str) -> None:
    """Take this part from the list: it stops as it should."""
    session.execute(delete(Heartbeat).where(Heartbeat.name == name))


def list_alive(session: Session, part: Part | None = None) -> list[Heartbeat]:
    """The parts that have said so within the last minute, in the order of their names."""
    query = select(Heartbeat).where(Heartbeat.beat_at > func.now() - SILENT_AFTER)
    query = query if part is None else query.where(Heartbeat.part == part)
    return list(session.scalars(query.order_by(Heartbeat.name).execution_options(populate_existing=True)))


def last_seen(session: Session, part: Part) -> datetime | None:
    """When any part of this sort last said that it lives."""
    return session.scalar(select(func.max(Heartbeat.beat_at)).where(Heartbeat.part == part))
