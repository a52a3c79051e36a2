"""Every job in plain sight: listed, summed up, and done again or called off by an operator."""

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
"""The states of jobs that somebody may still have to look after."""

RECENT = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Depth:
    """How many jobs of a kind stand in a state; of those that could be done now, since when the oldest waits."""

    kind: str
    state: str
    count: int
    oldest_due_at: datetime | None
    oldest_due_seconds: float


@dataclass(frozen=True, slots=True)
class Summary:
    """The background work at a glance."""

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
    """Jobs, the newest first, from before `before` on; of one account where one is named."""
    query = select(Job).where(_within(account_id))
    if state is not None:
        query = query.where(in_literals(Job.state, state))
    if kind is not None:
        query = query.where(Job.kind == kind)
    if before is not None:
        query = query.where(Job.id < before)
    return list(session.scalars(query.order_by(Job.id.desc()).limit(limit)))


def get(session: Session, *, job_id: str, account_id: str | None = None, lock: bool = False) -> Job:
    """The job, or `NotFound`; of one account where one is named."""
    query = select(Job).where(Job.id == job_id, _within(account_id)).execution_options(populate_existing=True)
    job = session.scalars(query.with_for_update() if lock else query).one_or_none()
    if job is None:
        raise NotFound("There is no such job.", remedy="Look for it in the list of jobs.")
    return job


def summary(session: Session, *, account_id: str | None = None) -> Summary:
    """How much there is to do, for how long it has waited, and who is there to do it."""
    lately = select(func.count()).where(Job.finished_at > func.now() - RECENT, _within(account_id))
    return Summary(
        depths=depths(session, account_id=account_id),
        finished_last_minute=session.scalars(lately).one(),
        parts=heartbeats.list_alive(session),
        scheduler_beat_at=heartbeats.last_seen(session, Part.SCHEDULER),
        pauses=mail_pauses.in_force(session),
    )


def depths(session: Session, *, account_id: str | None = None) -> list[Depth]:
    """How many jobs stand in which open state; what was done or cancelled is not counted, as it only ever grows."""
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
    """Do a dead or cancelled job again, or one that waits at once, as if it had never been tried.

    What an earlier mail server said of its address is forgotten. `Conflict` where it runs, or is done.
    """
    job = _changed(session, job_id, (JobState.QUEUED, JobState.DEAD, JobState.CANCELLED), "done again")
    if job.state != JobState.QUEUED:
        results.prepare_retry(session, job)
    queue.reset(session, job.id)
    _note(session, actor, Action.JOB_RETRIED, job)
    return get(session, job_id=job_id)


def cancel(session: Session, *, actor: Actor, job_id: str) -> Job:
    """Call off a job that waits; its invitation shows it. `Conflict` where it runs, or has ended."""
    job = _changed(session, job_id, (JobState.QUEUED,), "cancelled")
    why = "An operator cancelled it. Nothing more is tried by itself; retry the job, or resend the invitation."
    results.fail(session, job, why=why, state=JobState.CANCELLED)
    _note(session, actor, Action.JOB_CANCELLED, job)
    return get(session, job_id=job_id)


def has_unclaimed_jobs(session: Session, *, after: timedelta) -> bool:
    """Whether a job has been free and due for so long, although a scheduler rings: its workers must be deaf."""
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
