"""What all rounds of work have in common: a claim under a lease, and what becomes of a job that fails unforeseen."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import TypeVar

from sqlalchemy.orm import Session

from shared import log
from shared.db import AWAY
from shared.models import JobKind
from shared.services import deliveries, jobs
from shared.services.jobs import Claimed
from worker import metrics
from worker.journal import unrecorded
from worker.leases import Lease
from worker.runtime import Runtime
from worker.tasks.left_behind import take_up

logger = log.get(__name__)
T = TypeVar("T")
Came = TypeVar("Came")
Effect = Callable[[Session, Lease, Sequence[T]], Came]

MAX_ATTEMPTS = 8
"""A job that fails in ways nobody foresaw is given up after this many tries, some eight hours after the first."""


@contextmanager
def claimed(
    runtime: Runtime, ids: Collection[str], *, kinds: Collection[JobKind]
) -> Iterator[tuple[Lease, list[Claimed]]]:
    """Those of the jobs that were due and free, ours for as long as the lease holds; none once we are stopping."""
    runtime.pulse()
    with runtime.leases.take() as lease:
        if runtime.stopping():
            yield lease, []
        else:
            take_up(runtime.journal.folder, runtime.commit)
            noted = unrecorded(runtime.journal.folder)
            claim = partial(jobs.claim, ids=ids, kinds=kinds, owner=lease.owner)
            yield lease, _not_mailed_yet(runtime, lease, runtime.commit(claim, alone=True), noted)


def _not_mailed_yet(runtime: Runtime, lease: Lease, batch: list[Claimed], noted: Mapping[str, str]) -> list[Claimed]:
    """Record what a process had mailed that was frozen or cut off for longer than its lease; returns the other jobs."""
    mailed = {job.id: noted[job.id] for job in batch if job.id in noted}
    if not mailed:
        return batch
    runtime.record(lease, partial(deliveries.sent, said=mailed, owner=lease.owner), alone=True)
    logger.warning("recorded for another process what it had mailed", owner=lease.owner, jobs=len(mailed))
    return [job for job in batch if job.id not in mailed]


def settle(
    runtime: Runtime,
    lease: Lease,
    items: Sequence[T],
    *,
    effect: Effect[T, Came],
    rescue: Callable[[Session, T, str], None],
    alone: bool = False,
) -> list[Came]:
    """Record the effect of all items in one transaction; where one of them spoils it, of each by itself.

    For the one that fails even so, `rescue` records why, as long as the lease holds. `alone` says that the effect is
    one statement. Returns what came of each transaction that holds.
    """
    try:
        return [runtime.record(lease, lambda session: effect(session, lease, items), alone=alone)] if items else []
    except AWAY:
        raise
    except Exception as error:
        logger.exception("an effect could not be recorded", items=len(items))
        if len(items) > 1:
            return [
                came
                for item in items
                for came in settle(runtime, lease, [item], effect=effect, rescue=rescue, alone=alone)
            ]
        if lease.holds():
            why = explained(error)
            runtime.record(lease, lambda session: rescue(session, items[0], why))
        return []


def explained(error: Exception) -> str:
    """An error that nobody foresaw, as a row keeps it: the database's own words, one line."""
    cause = getattr(error, "orig", None) or error
    words = " ".join(str(cause).replace("\x00", "").split())
    return f"Something unexpected happened: {type(cause).__name__}: {words}"[:512]


def put_off(session: Session, job: Claimed, why: str) -> None:
    """Postpone a job that failed in a way nobody foresaw, longer each time; in the end bury it."""
    metrics.UNFORESEEN.inc()
    if job.attempts >= MAX_ATTEMPTS:
        deliveries.fail(session, job, why=f"{why}. It happened {job.attempts} times; nothing more is tried by itself.")
    else:
        jobs.postpone(session, [job.id], after=timedelta(seconds=5) * 4 ** (job.attempts - 1), why=why)
