"""Pauses: mails are held back, of one domain or all of them, where trying on would only do harm.

A pause is a row that the claim looks at, so it holds for every worker at once and ends by itself. The jobs stay as they
are: none is failed, none has an attempt more.
"""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from shared.models import ALL_MAIL, Job, Pause


def pause(session: Session, lane: str, *, duration: timedelta, why: str) -> None:
    """Hold back the mails of this lane for a while, or longer if they are held back already; `why` is a sentence."""
    until = func.now() + duration
    fresh = insert(Pause).values(lane=lane, until=until, why=why)
    longer = func.greatest(Pause.until, fresh.excluded.until)
    session.execute(fresh.on_conflict_do_update(index_elements=[Pause.lane], set_={"until": longer, "why": why}))


def in_force(session: Session) -> list[Pause]:
    """The pauses that hold at this moment, the longest first."""
    return list(session.scalars(select(Pause).where(Pause.until > func.now()).order_by(Pause.until.desc())))


def is_paused() -> ColumnElement[bool]:
    """Whether a pause holds back the job of the enclosing query."""
    return select(Pause.lane).where(*_concerning()).correlate(Job).exists()


def paused_until() -> ColumnElement[datetime]:
    """Until when the job of the enclosing query is held back; null where it is not."""
    return select(func.max(Pause.until)).where(*_concerning()).correlate(Job).scalar_subquery()


def _concerning() -> tuple[ColumnElement[bool], ...]:
    # A job without a lane is no mail, and nothing holds it back.
    return (Job.lane.is_not(None), Pause.lane.in_([Job.lane, ALL_MAIL]), Pause.until > func.now())
