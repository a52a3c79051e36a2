"""The parts that all batches share: a claim under a lease, and the handling of unexpected errors."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import TypeVar

from sqlalchemy.orm import Session

from shared.db.engine import UNAVAILABLE
from shared.jobs import queue
from shared.jobs.queue import Claimed
from shared.mail import results
from shared.models import JobKind
from shared.observability import log
from worker import metrics
from worker.context import WorkerContext
from worker.leases import Lease
from worker.sent_journal import unrecorded
from worker.tasks.crash_recovery import recover

logger = log.get(__name__)
T = TypeVar("T")
Result = TypeVar("Result")
Effect = Callable[[Session, Lease, Sequence[T]], Result]

MAX_ATTEMPTS = 8
"""Attempts after which a job with unexpected errors is marked as dead, about eight hours after the first."""


@contextmanager
def claimed_batch(
    context: WorkerContext, ids: Collection[str], *, kinds: Collection[JobKind]
) -> Iterator[tuple[Lease, list[Claimed]]]:
    """Claim those of the jobs that are due and free while the lease holds; none once the worker is stopping."""
    context.pulse()
    with context.leases.take() as lease:
        if context.stopping():
            yield lease, []
        else:
            recover(context.sent_journal.folder, context.commit)
            noted = unrecorded(context.sent_journal.folder)
            claim = partial(queue.claim, ids=ids, kinds=kinds, owner=lease.owner)
            yield lease, _not_mailed_yet(context, lease, context.commit(claim, autocommit=True), noted)


def _not_mailed_yet(
    context: WorkerContext, lease: Lease, batch: list[Claimed], noted: Mapping[str, str]
) -> list[Claimed]:
    """Record emails that a suspended or disconnected process sent before it lost its lease. Returns the other jobs."""
    mailed = {job.id: noted[job.id] for job in batch if job.id in noted}
    if not mailed:
        return batch
    context.record(lease, partial(results.record_sent, replies=mailed, owner=lease.owner), autocommit=True)
    logger.warning("recorded emails that another process had sent", owner=lease.owner, jobs=len(mailed))
    return [job for job in batch if job.id not in mailed]


def record_effects(
    context: WorkerContext,
    lease: Lease,
    items: Sequence[T],
    *,
    effect: Effect[T, Result],
    rescue: Callable[[Session, T, str], None],
    autocommit: bool = False,
) -> list[Result]:
    """Record the effect of all items in one transaction. If one of them fails, record each in its own.

    For an item that fails alone, `rescue` records why, as long as the lease holds. `autocommit` says that the effect is
    one statement. Returns the result of each committed transaction.
    """
    try:
        return (
            [context.record(lease, lambda session: effect(session, lease, items), autocommit=autocommit)]
            if items
            else []
        )
    except UNAVAILABLE:
        raise
    except Exception as error:
        logger.exception("could not record an effect", items=len(items))
        if len(items) > 1:
            return [
                came
                for item in items
                for came in record_effects(context, lease, [item], effect=effect, rescue=rescue, autocommit=autocommit)
            ]
        if lease.holds():
            why = explained(error)
            context.record(lease, lambda session: rescue(session, items[0], why))
        return []


def explained(error: Exception) -> str:
    """An unexpected error as a row stores it: the database's own message, on one line."""
    cause = getattr(error, "orig", None) or error
    words = " ".join(str(cause).replace("\x00", "").split())
    return f"Something unexpected happened: {type(cause).__name__}: {words}"[:512]


def postpone_failed(session: Session, job: Claimed, why: str) -> None:
    """Postpone a job after an unexpected error, longer each time. Mark it as dead after `MAX_ATTEMPTS`."""
    metrics.UNFORESEEN.inc()
    if job.attempts >= MAX_ATTEMPTS:
        results.fail(session, job, why=f"{why}. It happened {job.attempts} times. Usher doesn't try again.")
    else:
        queue.postpone(session, [job.id], after=timedelta(seconds=5) * 4 ** (job.attempts - 1), why=why)
