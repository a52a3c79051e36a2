"""Statistics of the background work in the last hour by minute: backlog, throughput and time to send."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Integer, cast, func, literal, select, true
from sqlalchemy.orm import InstrumentedAttribute, Session

from shared.db.predicates import in_literals
from shared.ids import first_id
from shared.models import Job, JobKind, JobState
from shared.models.job import UNFINISHED

MINUTES = 60


@dataclass(frozen=True, slots=True)
class Trend:
    """A value for each minute, newest last: unfinished jobs, finished jobs, median seconds to send an email."""

    until: datetime
    depth: list[float]
    finished: list[float]
    seconds_to_mail: list[float]


def last_hour(session: Session, *, account_id: str | None = None) -> Trend:
    """The last hour; of one account if given."""
    within = true() if account_id is None else Job.account_id == account_id
    now: datetime = session.scalars(select(func.now())).one()
    since = now - timedelta(minutes=MINUTES)
    left = session.scalars(select(func.count()).where(in_literals(Job.state, *UNFINISHED), within)).one()
    made, finished = _made(session, since, within), {}
    seconds: dict[int, float] = {}
    took = func.extract("epoch", Job.finished_at - Job.created_at)
    mailed = (Job.kind == JobKind.INVITATION_MAIL) & (Job.state == JobState.DONE)
    median = func.percentile_cont(0.5).within_group(took).filter(mailed)
    minute = _minute(Job.finished_at, since)
    query = select(minute, func.count(), median).where(Job.finished_at > since, within).group_by(minute)
    for place, count, middle in session.execute(query):
        finished[place], seconds[place] = count, float(middle or 0)
    return Trend(
        until=now,
        depth=_backwards(left, made, finished),
        finished=[float(finished.get(place, 0)) for place in range(MINUTES)],
        seconds_to_mail=[seconds.get(place, 0.0) for place in range(MINUTES)],
    )


def _made(session: Session, since: datetime, within: ColumnElement[bool]) -> dict[int, int]:
    minute = _minute(Job.created_at, since)
    query = select(minute, func.count()).where(Job.id >= first_id("job", since), within)
    rows = session.execute(query.group_by(minute))
    return {place: count for place, count in rows}  # noqa: C416 - a row is no pair to `dict`


def _minute(column: InstrumentedAttribute[Any], since: datetime) -> ColumnElement[int]:
    """The minute of the hour that a time falls into, from 0."""
    seconds = func.extract("epoch", column - literal(since))
    return cast(func.greatest(func.least(func.floor(seconds / 60), MINUTES - 1), 0), Integer)


def _backwards(left: int, made: dict[int, int], finished: dict[int, int]) -> list[float]:
    """The number of unfinished jobs at the end of each minute, calculated back from the current number."""
    depth = []
    for place in reversed(range(MINUTES)):
        depth.append(float(max(left, 0)))
        left += finished.get(place, 0) - made.get(place, 0)
    return depth[::-1]
