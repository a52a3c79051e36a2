"""The life of a job: enqueue, claim, renew, finish, postpone, release. For dispatch see `dispatch`.

UPDATE statements and the database clock make every decision, so any number of schedulers and workers can run, die and
restart. A second claim of the same job finds no row, and neither does a worker that lost its lease.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import (
    CTE,
    ColumnElement,
    Integer,
    Select,
    Text,
    and_,
    bindparam,
    cast,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.orm import Session

from shared.db.autocommit import AutocommitConnection, SessionOrConnection
from shared.db.bulk import Rows, append_rows
from shared.db.predicates import any_of, ctid_in, ctid_of, in_literals
from shared.db.prepared import PreparedQuery
from shared.ids import new_id, new_ids
from shared.jobs.mail_pauses import is_paused
from shared.models import Job, JobKind, JobState
from shared.observability import log, tracing

LEASE = timedelta(seconds=20)
"""Duration of a claim without renewal. A killed worker's jobs are free again after this."""

MAX_LOST_LEASES = 5
"""A job whose workers die this often counts as the cause and is marked dead."""


class Claimed(NamedTuple):
    """The fields of a claimed job that don't change during the claim. There is no ORM row behind it to write to."""

    id: str
    kind: str
    subject_id: str
    account_id: str | None
    generation: int
    lane: str | None
    data: dict[str, Any]
    attempts: int
    created_at: datetime
    first_tried_at: datetime


# ORM objects in the session are not refreshed: no code reads them after these statements.
_NO_SYNC = {"synchronize_session": False}


def enqueue(
    session: Session,
    kind: JobKind,
    *,
    subject_id: str,
    account_id: str | None = None,
    generation: int = 0,
    lane: str | None = None,
) -> Job:
    """Add a job to this transaction. Once committed, it runs at least once, even if processes crash.

    `lane` is the recipient's domain for a job that sends email, and pauses apply to it.
    """
    job = Job(
        id=new_id("job"),
        kind=kind,
        subject_id=subject_id,
        account_id=account_id,
        generation=generation,
        lane=lane,
        data=_request_context_of(session, subject_id),
    )
    session.add(job)
    record_enqueued(session, kind, [job.id])
    return job


def enqueue_all(session: Session, kind: JobKind, things: Iterable[Mapping[str, Any]]) -> None:
    """Add many jobs to this transaction in one statement.

    Each mapping has arguments of `enqueue` by name, and all mappings have the same names.
    """
    ids = new_ids("job")
    each = [{"id": next(ids), **thing, "data": _request_context_of(session, thing["subject_id"])} for thing in things]
    append_rows(session, Job, Rows(each, {"kind": kind}))
    record_enqueued(session, kind, [job["id"] for job in each])


def rows(kind: JobKind, *, subjects: Iterable[str], account_id: str, generation: int) -> Rows:
    """Rows of jobs for many subjects of one account, to insert in the same statement as the subjects.

    The caller must pass the ids to `record_enqueued` after the insert.
    """
    ids = new_ids("job")
    each = [{"id": next(ids), "subject_id": subject_id} for subject_id in subjects]
    return Rows(each, {"kind": kind, "account_id": account_id, "generation": generation, "data": _request_context()})


def record_enqueued(connection: SessionOrConnection, kind: JobKind, ids: Iterable[str]) -> None:
    """Have the workers notified of these jobs after the commit."""
    _enqueued(connection).extend((kind, job_id) for job_id in ids)


def keep_request_context(session: Session, claimed: Iterable[Claimed]) -> None:
    """Make jobs enqueued later in this transaction inherit the request id and trace of the claimed jobs, by subject."""
    session.info["origins"] = {job.subject_id: job.data for job in claimed}


def is_postponed(session: Session, kind: JobKind, *, subject_id: str) -> bool:
    """Return True if a queued job of this kind and subject is due in the future."""
    later = select(Job.id).where(Job.subject_id == subject_id, Job.kind == kind, Job.state == JobState.QUEUED)
    return session.scalar(select(later.where(Job.due_at > func.now()).exists())) or False


def take_enqueued(connection: SessionOrConnection) -> list[tuple[JobKind, str]]:
    """Return and clear the jobs enqueued in this transaction, as kinds and ids, to notify workers after the commit."""
    found = _enqueued(connection)
    taken = list(found)
    found.clear()
    return taken


def claim(session: Session, ids: Collection[str], *, kinds: Iterable[JobKind], owner: str) -> list[Claimed]:
    """Claim the jobs that are due, free and not paused, under a lease.

    Skips jobs that are finished or claimed by others.
    """
    return sorted(map(Claimed._make, _CLAIM.fetch(session, ids=",".join(ids), kinds=",".join(kinds), owner=owner)))


def renew(session: Session, *, owners: Collection[str]) -> None:
    """Extend the leases on all jobs that these owners hold."""
    session.execute(
        update(Job)
        .where(Job.lease_owner.in_(owners), in_literals(Job.state, JobState.RUNNING))
        .values(lease_until=func.now() + LEASE, ring_at=func.now() + LEASE),
        execution_options=_NO_SYNC,
    )


def lock_held(session: Session, ids: Collection[str], *, owner: str) -> set[str]:
    """Lock and return the ids of the jobs that this owner still holds.

    This is the fence: record effects for these jobs only.
    """
    return {row[0] for row in _HELD.fetch(session, ids=",".join(ids), owner=owner)}


def select_held() -> Select[str, str, str, str | None, int]:
    """The fence as a query, for use inside a larger statement. Binds `ids` and `owner`."""
    mine = Job.lease_owner == bindparam("owner", type_=Text()), Job.state == JobState.RUNNING
    query = select(Job.id, Job.kind, Job.subject_id, Job.account_id, Job.generation).where(_IN_IDS, *mine)
    return query.order_by(Job.id).with_for_update()


def finish_held(held: CTE) -> CTE:
    """CTE that marks the jobs of `held` as done."""
    return update(Job).where(Job.id == held.c.id).values(_ENDED | {"state": JobState.DONE}).cte("finished")


def finish(session: Session, ids: Collection[str], *, state: JobState = JobState.DONE, why: str | None = None) -> None:
    """End jobs that the caller holds, in the transaction that records their effect. `why` is kept as the last error."""
    _FINISH.fetch(session, ids=",".join(ids), ended_as=state, why=why)


def postpone(session: Session, ids: Collection[str], *, after: timedelta, why: str, counts: bool = True) -> None:
    """Put held jobs back for the duration `after`.

    `counts=False` doesn't count the attempt, for causes outside the job.
    """
    due, attempts = func.now() + after, Job.attempts if counts else Job.attempts - 1
    _requeue(session, Job.id.in_(ids), due_at=due, ring_at=due, last_error=why, attempts=attempts)


def release(session: Session, ids: Collection[str], *, owner: str) -> None:
    """Put back jobs that this owner claimed but didn't start.

    They are free immediately, and the attempt doesn't count.
    """
    mine = and_(Job.id.in_(ids), Job.lease_owner == owner, Job.state == JobState.RUNNING)
    _requeue(session, mine, ring_at=func.now(), attempts=Job.attempts - 1)


def release_all(session: Session, *, owners: str) -> None:
    """Put back all jobs held by owners with this name prefix, when a worker stops."""
    _requeue(session, _held_by(owners), ring_at=func.now())


def end_leases(session: Session, *, owners: str) -> None:
    """End the leases of owners with this name prefix now, because their process died. Each counts as a lost lease."""
    session.execute(
        update(Job).where(_held_by(owners)).values(lease_until=func.now(), ring_at=func.now()),
        execution_options=_NO_SYNC,
    )


def reset(session: Session, job_id: str) -> None:
    """Reset a job without an owner: due now, with no attempts."""
    values = {"due_at": func.now(), "attempts": 0, "lost_leases": 0, "first_tried_at": None, "finished_at": None}
    _requeue(session, Job.id == job_id, ring_at=func.now(), **values)


def mark_lost_dead(session: Session) -> list[Job]:
    """Mark jobs whose workers died too often as dead. Returns the jobs, so the caller can record the effects."""
    # An expired lease is always due for dispatch. This condition lets the query use the dispatch index.
    running = and_(in_literals(Job.state, JobState.RUNNING), _DISPATCH_DUE)
    lost = and_(running, _LEASE_RAN_OUT, Job.lost_leases >= MAX_LOST_LEASES - 1)
    why = f"The worker died {MAX_LOST_LEASES} times while it had this job. Nothing more is tried by itself."
    return list(
        session.scalars(
            update(Job).where(lost).values(_ENDED | {"state": JobState.DEAD, "last_error": why}).returning(Job)
        )
    )


def _enqueued(connection: SessionOrConnection) -> list[tuple[JobKind, str]]:
    if isinstance(connection, AutocommitConnection):
        return connection.enqueued
    found: list[tuple[JobKind, str]] = connection.info.setdefault("promised", [])
    return found


def _request_context_of(session: Session, subject_id: str) -> dict[str, Any]:
    """Request id and trace for a job about this subject, inherited from the claimed job if there is one."""
    return session.info.get("origins", {}).get(subject_id) or _request_context()


def _request_context() -> dict[str, Any]:
    """Request id and trace of the current request."""
    return log.bound("request_id") | tracing.trace_context()


def _held_by(owners: str) -> ColumnElement[bool]:
    return and_(in_literals(Job.state, JobState.RUNNING), Job.lease_owner.startswith(owners, autoescape=True))


def _requeue(session: Session, which: ColumnElement[bool], **values: Any) -> None:
    free = {"state": JobState.QUEUED, "lease_owner": None, "lease_until": None}
    session.execute(update(Job).where(which).values(free | values), execution_options=_NO_SYNC)


_ENDED: dict[str, Any] = {"finished_at": func.now(), "lease_owner": None, "lease_until": None}
_IN_IDS = Job.id == func.any(any_of("ids"))
_DISPATCH_DUE = Job.ring_at <= func.now()
_LEASE_RAN_OUT = Job.lease_until < func.now()
_OVERDUE = and_(Job.state == JobState.RUNNING, _LEASE_RAN_OUT)
_FREE = or_(Job.state == JobState.QUEUED, and_(_OVERDUE, Job.lost_leases < MAX_LOST_LEASES - 1))
_CLAIMABLE = select(ctid_of(Job)).where(
    _IN_IDS, Job.kind == func.any(any_of("kinds")), Job.due_at <= func.now(), _FREE, ~is_paused()
)
_CLAIM = PreparedQuery(
    update(Job)
    .where(ctid_in(Job, _CLAIMABLE.order_by(Job.id).with_for_update(skip_locked=True)))
    .values(
        state=JobState.RUNNING,
        lease_owner=bindparam("owner", type_=Text()),
        worker=bindparam("owner", type_=Text()),
        lease_until=func.now() + LEASE,
        ring_at=func.now() + LEASE,
        attempts=Job.attempts + 1,
        lost_leases=Job.lost_leases + cast(Job.state == JobState.RUNNING, Integer),
        first_tried_at=func.coalesce(Job.first_tried_at, func.now()),
    )
    .returning(*(getattr(Job, name) for name in Claimed._fields))
)
_HELD = PreparedQuery(select_held())
_FINISH = PreparedQuery(
    update(Job)
    .where(_IN_IDS)
    .values(
        _ENDED
        | {
            "state": bindparam("ended_as", type_=Text()),
            "last_error": func.coalesce(bindparam("why", type_=Text()), Job.last_error),
        }
    )
)
