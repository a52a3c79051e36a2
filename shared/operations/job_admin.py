"""Job administration: list and summarize jobs, retry or cancel them."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, select, true
from sqlalchemy.orm import Session

from shared.actor import Actor
from shared.audit import log as audit_log
from shared.audit.events import Action
from shared.db.predicates import in_literals
from shared.errors import Conflict, NotFound
from shared.jobs import heartbeats, mail_pauses, queue
from shared.mail import results
from shared.models import Heartbeat, Job, JobKind, JobState, Part, Pause
from shared.models.job import UNFINISHED

OPEN_STATES = (*UNFINISHED, JobState.DEAD)
"""States of jobs that may still need attention."""

RECENT = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Depth:
    """The number of jobs of one kind in one state, and the due time of the oldest that is due now."""

    kind: str
    state: str
    count: int
    oldest_due_at: datetime | None
    oldest_due_seconds: float


@dataclass(frozen=True, slots=True)
class Summary:
    """An overview of the background work."""

    depths: list[Depth]
    finished_last_minute: int
    parts: list[Heartbeat]
    scheduler_beat_at: datetime | None
    pauses: list[Pause]


def list_jobs(
    session: Session,
    *,
    account_id: str | None,
    state: JobState | None,
    kind: JobKind | None,
    before: str | None,
    limit: int,
) -> list[Job]:
    """Jobs before `before`, newest first; of one account if given."""
    query = select(Job).where(_within(account_id))
    if state is not None:
        query = query.where(in_literals(Job.state, state))
    if kind is not None:
        query = query.where(Job.kind == kind)
    if before is not None:
        query = query.where(Job.id < before)
    return list(session.scalars(query.order_by(Job.id.desc()).limit(limit)))


def get(session: Session, *, job_id: str, account_id: str | None = None, lock: bool = False) -> Job:
    """The job. Raises `NotFound`, also if it is not the given account's."""
    query = select(Job).where(Job.id == job_id, _within(account_id)).execution_options(populate_existing=True)
    job = session.scalars(query.with_for_update() if lock else query).one_or_none()
    if job is None:
        raise NotFound("There is no such job.", remedy="Look for it in the list of jobs.")
    return job


def summary(session: Session, *, account_id: str | None = None) -> Summary:
    """The backlog, its waiting time, and the running components."""
    lately = select(func.count()).where(Job.finished_at > func.now() - RECENT, _within(account_id))
    return Summary(
        depths=depths(session, account_id=account_id),
        finished_last_minute=session.scalars(lately).one(),
        parts=heartbeats.list_alive(session),
        scheduler_beat_at=heartbeats.last_seen(session, Part.SCHEDULER),
        pauses=mail_pauses.in_force(session),
    )


def depths(session: Session, *, account_id: str | None = None) -> list[Depth]:
    """The number of jobs in each open state. Finished jobs are left out, because they only accumulate."""
    due = func.min(Job.due_at).filter(Job.state == JobState.QUEUED, Job.due_at <= func.now())
    age = func.coalesce(func.extract("epoch", func.now() - due), 0)
    query = select(Job.kind, Job.state, func.count(), due, age).where(
        in_literals(Job.state, *OPEN_STATES), _within(account_id)
    )
    return [
        Depth(kind, state, count, oldest, float(seconds))
        for kind, state, count, oldest, seconds in session.execute(
            query.group_by(Job.kind, Job.state).order_by(Job.kind, Job.state)
        )
    ]


def retry(session: Session, *, actor: Actor, job_id: str) -> Job:
    """Retry a dead or cancelled job, or run a waiting one now, as if it had never been tried.

    Removes the suppression of its address. Raises `Conflict` if the job is running or done.
    """
    job = _changed(session, job_id, (JobState.QUEUED, JobState.DEAD, JobState.CANCELLED), "done again")
    if job.state != JobState.QUEUED:
        results.prepare_retry(session, job)
    queue.reset(session, job.id)
    _note(session, actor, Action.JOB_RETRIED, job)
    return get(session, job_id=job_id)


def cancel(session: Session, *, actor: Actor, job_id: str) -> Job:
    """Cancel a waiting job, which its invitation shows. Raises `Conflict` if it is running or has ended."""
    job = _changed(session, job_id, (JobState.QUEUED,), "cancelled")
    why = "An operator cancelled it. Nothing more is tried by itself; retry the job, or resend the invitation."
    results.fail(session, job, why=why, state=JobState.CANCELLED)
    _note(session, actor, Action.JOB_CANCELLED, job)
    return get(session, job_id=job_id)


def has_unclaimed_jobs(session: Session, *, after: timedelta) -> bool:
    """True if a job has been free and due for `after` while a scheduler runs, so workers receive no messages."""
    ignored = select(Job.id).where(
        in_literals(Job.state, JobState.QUEUED),
        Job.due_at < func.now() - after,
        Job.ring_at > func.now(),
        Job.created_at < func.now() - after,
        ~mail_pauses.is_paused(),
    )
    return bool(session.scalar(select(ignored.exists()))) and bool(heartbeats.list_alive(session, Part.SCHEDULER))


def _changed(session: Session, job_id: str, states: Collection[JobState], what: str) -> Job:
    job = get(session, job_id=job_id, lock=True)
    if job.state not in states:
        raise Conflict(
            "job_closed",
            f"The job is {job.state}, so it can't be {what}. Nothing was changed.",
            remedy="Wait for its end." if job.state == JobState.RUNNING else "Resend the invitation instead.",
        )
    return job


def _within(account_id: str | None) -> ColumnElement[bool]:
    return true() if account_id is None else Job.account_id == account_id


def _note(session: Session, actor: Actor, action: Action, job: Job) -> None:
    audit_log.record(session, actor, action, subject_id=job.id, account_id=job.account_id, about=job.subject_id)
