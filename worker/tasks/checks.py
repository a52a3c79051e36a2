"""Checks invitations before they are mailed: a round in two transactions, the claim and the verdicts."""

from collections.abc import Collection

from sqlalchemy.orm import Session

from shared import log
from shared.models import Job, JobKind
from shared.services import checking, jobs
from worker.leases import Lease
from worker.runtime import DATABASE_AWAY, Runtime
from worker.tasks.rounds import claimed, put_off

logger = log.get(__name__)


def check(runtime: Runtime, ids: Collection[str]) -> None:
    """Judge the invitations of these jobs; where one spoils the round, once more one by one."""
    with claimed(runtime, ids, kinds=[JobKind.INVITATION_CHECK]) as (lease, batch):
        try:
            _judge(runtime, lease, batch)
        except DATABASE_AWAY:
            raise
        except Exception:
            logger.exception("a round of checks failed, taking them one by one", jobs=len(batch))
            for job in batch:
                _judge_alone(runtime, lease, job)


def _judge_alone(runtime: Runtime, lease: Lease, job: Job) -> None:
    try:
        _judge(runtime, lease, [job])
    except DATABASE_AWAY:
        raise
    except Exception as error:
        failure = error  # The name of a caught error ends with its block.
        logger.exception("a check failed", job=job.id)
        runtime.record(lease, lambda session: _put_off_if_held(session, lease, job, failure))


def _judge(runtime: Runtime, lease: Lease, batch: Collection[Job]) -> None:
    def verdicts(session: Session) -> None:
        held = jobs.held(session, [job.id for job in batch], owner=lease.owner)
        subjects = [job.subject_id for job in batch if job.id in held]
        checking.judge(session, rules=runtime.rules, invitation_ids=subjects)
        jobs.finish(session, held)

    if batch:
        runtime.record(lease, verdicts)


def _put_off_if_held(session: Session, lease: Lease, job: Job, error: Exception) -> None:
    if jobs.held(session, [job.id], owner=lease.owner):
        put_off(session, job, error)
