"""Limits on how often something may be tried: kept in the database, so that a restart forgives nothing."""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, case, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from shared.errors import TooSoon
from shared.models import Throttle


def hit(session: Session, key: str, *, limit: int, window: timedelta) -> None:
    """Count one try under `key`; raises `TooSoon` once there were more than `limit` within the window.

    The caller commits before it goes on, whatever comes of the try: a try that is rolled back would not be counted.
    """
    over = Throttle.window_ends_at <= func.now()
    first = insert(Throttle).values(key=key, window_ends_at=func.now() + window, count=1)
    counted = first.on_conflict_do_update(
        index_elements=[Throttle.key],
        set_={
            "count": case((over, 1), else_=Throttle.count + 1),
            "window_ends_at": case((over, func.now() + window), else_=Throttle.window_ends_at),
        },
    ).returning(Throttle.count, _seconds_left())
    count, seconds = session.execute(counted).one()
    if count > limit:
        raise _too_often(seconds)


def refuse_over(session: Session, key: str, *, limit: int) -> None:
    """Raise `TooSoon` where `limit` tries were counted within the window that is running; counts nothing."""
    query = select(_seconds_left()).where(
        Throttle.key == key, Throttle.count >= limit, Throttle.window_ends_at > func.now()
    )
    seconds = session.scalar(query)
    if seconds is not None:
        raise _too_often(seconds)


def first(session: Session, key: str, *, window: timedelta) -> bool:
    """Whether this is the first time under `key` within the window; the times after it write nothing."""
    fresh = insert(Throttle).values(key=key, window_ends_at=func.now() + window, count=1)
    again = fresh.on_conflict_do_update(
        index_elements=[Throttle.key],
        set_={"window_ends_at": func.now() + window},
        where=Throttle.window_ends_at <= func.now(),
    )
    return session.scalar(again.returning(Throttle.key)) is not None


def ends_at(session: Session, key: str) -> datetime | None:
    """When the window that runs under `key` ends; None where none runs."""
    return session.scalar(
        select(Throttle.window_ends_at).where(Throttle.key == key, Throttle.window_ends_at > func.now())
    )


def forget(session: Session, key: str) -> None:
    """Forgive what was counted under `key`: the try came to a good end."""
    session.execute(delete(Throttle).where(Throttle.key == key))


def _seconds_left() -> ColumnElement[int]:
    return func.extract("epoch", Throttle.window_ends_at - func.now())


def _too_often(seconds: float) -> TooSoon:
    return TooSoon(
        "rate_limited",
        "That was tried too often from here. Nothing was changed.",
        retry_after=max(1, int(seconds) + 1),
        remedy="Wait as long as Retry-After says, then try again.",
    )
