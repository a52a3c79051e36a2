"""What all rounds of work have in common: a claim under a lease, and what becomes of a job that fails unforeseen."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import timedelta

from sqlalchemy.orm import Session

from shared.models import Job, JobKind
from shared.services import jobs, letters
from worker.leases import Lease
from worker.runtime import Runtime

MAX_ATTEMPTS = 8
"""A job that fails in ways nobody foresaw is given up after this many tries, some eight hours after the first."""


@contextmanager
def claimed(runtime: Runtime, ids: Collection[str], *, kinds: Collection[JobKind]) -> Iterator[tuple[Lease, list[Job]]]:
    """Those of the jobs that were due and free, ours for as long as the lease holds; none once we are stopping."""
    with runtime.leases.take() as lease:
        if runtime.stopping():
            yield lease, []
        else:
            yield lease, runtime.commit(lambda session: jobs.claim(session, ids, kinds=kinds, owner=lease.owner))


def put_off(session: Session, job: Job, error: Exception) -> None:
    """Postpone a job that failed in a way nobody foresaw, longer each time; in the end bury it."""
    why = f"Something unexpected happened: {type(error).__name__}: {error}"[:512].replace("\x00", "")
    if job.attempts >= MAX_ATTEMPTS:
        letters.fail(session, job, why=f"{why}. It happened {job.attempts} times; nothing more is tried by itself.")
    else:
        jobs.postpone(session, [job.id], after=timedelta(seconds=5) * 4 ** (job.attempts - 1), why=why)
