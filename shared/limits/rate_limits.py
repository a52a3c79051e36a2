"""Rate limits, stored in the database so that a restart doesn't reset them."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, case, delete, func, null, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from shared.errors import TooSoon
from shared.models import Throttle


def count_attempt(session: Session, key: str, *, limit: int, window: timedelta) -> None:
    """Count an attempt under `key`. Raises `TooSoon` after more than `limit` within the window.

    The caller has to commit in any case, because a rolled-back attempt would not count.
    """
    count, seconds = _count(session, key, window)
    if count > limit:
        raise _too_often(seconds)


def is_within(session: Session, key: str, *, limit: int, window: timedelta) -> bool:
    """Count one try under `key`; whether there were `limit` or fewer within the window."""
    return _count(session, key, window)[0] <= limit


def _count(session: Session, key: str, window: timedelta) -> tuple[int, float]:
    """Count one try: how many there were within the window, and the seconds until it ends."""
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
    return count, seconds


@dataclass(frozen=True, slots=True)
class Pace:
    """The pace of attempts: `free` ones without a wait, then waits that double from `shortest` to `longest`.

    The count is reset after `forgotten_after` without attempts, which is longer than the longest wait.
    """

    free: int
    shortest: timedelta
    longest: timedelta
    forgotten_after: timedelta


def take(session: Session, key: str, pace: Pace) -> None:
    """Count an attempt in advance. While `key` has to wait, raises `TooSoon` and counts nothing.

    One statement decides, so concurrent attempts can't exceed the pace. The caller commits before the attempt, and
    calls `give_back` after a successful one.
    """
    over = Throttle.window_ends_at <= func.now()
    count = case((over, 1), else_=Throttle.count + 1)
    # The doubled wait is capped before it could overflow an interval.
    doubled = func.power(2, func.least(count - pace.free, 20)) * pace.shortest
    # NULL means no wait. A transaction that began a moment earlier would find even `now()` in the future.
    allowed_at = case((count < pace.free, null()), else_=func.now() + func.least(doubled, pace.longest))
    fresh = insert(Throttle).values(key=key, window_ends_at=func.now() + pace.forgotten_after, count=1)
    counted = fresh.on_conflict_do_update(
        index_elements=[Throttle.key],
        set_={
            "count": count,
            "window_ends_at": func.now() + pace.forgotten_after,
            "allowed_at": allowed_at,
        },
        where=or_(over, Throttle.allowed_at.is_(None), Throttle.allowed_at <= func.now()),
    )
    if session.scalar(counted.returning(Throttle.count)) is None:
        refuse_waiting(session, key)
        raise _too_often(1)


def give_back(session: Session, key: str) -> None:
    """Give back one counted attempt after it succeeded. Other attempts stay counted."""
    one_less = {"count": func.greatest(Throttle.count - 1, 0), "allowed_at": None}
    session.execute(update(Throttle).where(Throttle.key == key).values(**one_less))


def refuse_waiting(session: Session, key: str) -> None:
    """Raise `TooSoon` while `key` has to wait. Counts nothing."""
    left = func.extract("epoch", Throttle.allowed_at - func.now())
    query = select(left).where(
        Throttle.key == key, Throttle.allowed_at > func.now(), Throttle.window_ends_at > func.now()
    )
    seconds = session.scalar(query)
    if seconds is not None:
        raise _too_often(seconds)


def is_first(session: Session, key: str, *, window: timedelta) -> bool:
    """Return True the first time under `key` within the window. Later calls write nothing."""
    fresh = insert(Throttle).values(key=key, window_ends_at=func.now() + window, count=1)
    upsert = fresh.on_conflict_do_update(
        index_elements=[Throttle.key],
        set_={"window_ends_at": func.now() + window},
        where=Throttle.window_ends_at <= func.now(),
    )
    return session.scalar(upsert.returning(Throttle.key)) is not None


def ends_at(session: Session, key: str) -> datetime | None:
    """The end of the current window of `key`, or None if there is none."""
    return session.scalar(
        select(Throttle.window_ends_at).where(Throttle.key == key, Throttle.window_ends_at > func.now())
    )


def clear(session: Session, key: str) -> None:
    """Reset the count of `key`."""
    session.execute(delete(Throttle).where(Throttle.key == key))


def _seconds_left() -> ColumnElement[int]:
    return func.extract("epoch", Throttle.window_ends_at - func.now())


def _too_often(seconds: float) -> TooSoon:
    return TooSoon(
        "rate_limited",
        "Too many attempts. Nothing was changed.",
        retry_after=max(1, int(seconds) + 1),
        remedy=f"Try again in {_spoken(seconds)}.",
    )


def _spoken(seconds: float) -> str:
    return f"{int(seconds) + 1} seconds" if seconds < 100 else f"{int(seconds / 60) + 1} minutes"
