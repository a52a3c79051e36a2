"""Checks invitations before they are mailed: a round in two transactions, the claim and the verdicts."""

from collections.abc import Collection, Sequence
from functools import partial

from sqlalchemy.orm import Session

from shared.models import Job, JobKind
from shared.services import checking, jobs
from shared.services.rules import Rules
from worker.leases import Lease
from worker.runtime import Runtime
from worker.tasks.rounds import claimed, put_off, settle


def check(runtime: Runtime, ids: Collection[str]) -> None:
    """Judge the invitations of these jobs, and promise the mails of those that pass."""
    with claimed(runtime, ids, kinds=[JobKind.INVITATION_CHECK]) as (lease, batch):
        settle(runtime, lease, batch, effect=partial(_judge, runtime.rules), rescue=put_off)


def _judge(rules: Rules, session: Session, lease: Lease, batch: Sequence[Job]) -> None:
    held = jobs.held(session, [job.id for job in batch], owner=lease.owner)
    jobs.carry_on(session, batch)
    subjects = [job.subject_id for job in batch if job.id in held]
    checking.judge(session, rules=rules, invitation_ids=subjects)
    jobs.finish(session, held)
