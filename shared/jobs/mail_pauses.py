"""Pauses for outgoing email, for one domain or for all, while sending more would only do harm.

A pause is a row that the claim query checks, so it applies to every worker at once and ends by itself. Paused jobs keep
their state: none fails, and none uses up an attempt.
"""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from shared.models import ALL_MAIL, Job, Pause


def pause(session: Session, lane: str, *, duration: timedelta, why: str) -> None:
    """Pause email to `lane`, or extend a shorter pause. `why` is a sentence for the operator."""
    until = func.now() + duration
    fresh = insert(Pause).values(lane=lane, until=until, why=why)
    longer = func.greatest(Pause.until, fresh.excluded.until)
    session.execute(fresh.on_conflict_do_update(index_elements=[Pause.lane], set_={"until": longer, "why": why}))


def in_force(session: Session) -> list[Pause]:
    """Current pauses, the one that ends last first."""
    return list(session.scalars(select(Pause).where(Pause.until > func.now()).order_by(Pause.until.desc())))


def is_paused() -> ColumnElement[bool]:
    """SQL condition: a pause applies to the job of the enclosing query."""
    return select(Pause.lane).where(*_concerning()).correlate(Job).exists()


def paused_until() -> ColumnElement[datetime]:
    """SQL expression for the end of the pause on the job of the enclosing query. Null without a pause."""
    return select(func.max(Pause.until)).where(*_concerning()).correlate(Job).scalar_subquery()


def _concerning() -> tuple[ColumnElement[bool], ...]:
    # A job without a lane sends no email, so no pause applies to it.
    return (Job.lane.is_not(None), Pause.lane.in_([Job.lane, ALL_MAIL]), Pause.until > func.now())
