"""Checks invitations before they are emailed: claim, look up, decide. No transaction waits for an answer.

A job without its answers is due again a little later, so a silent name server delays no other invitation. A few
resulting emails can be claimed in the transaction that enqueues them and sent at once, which saves a trip through the
broker. Many emails are left to all workers.
"""

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy.orm import Session

from shared.jobs import queue
from shared.jobs.queue import Claimed
from shared.models import JobKind
from shared.screening import lookups, screen
from shared.screening.lookups import Lookup
from worker import metrics
from worker.context import WorkerContext
from worker.leases import Lease
from worker.tasks.batch import claimed_batch, postpone_failed, record_effects
from worker.tasks.mail import LoadedMail, claim_enqueued, send_loaded

RETRY_AFTER = timedelta(seconds=1)

MAX_EMAILS_TO_SEND = 3
"""Maximum emails resulting from a batch that it sends itself."""


def check_and_send(context: WorkerContext, ids: Collection[str]) -> None:
    """Check the invitations of these jobs, and send the first emails that follow at once."""
    check_invitations(context, ids, send_up_to=MAX_EMAILS_TO_SEND)


def check_invitations(context: WorkerContext, ids: Collection[str], *, send_up_to: int = 0) -> None:
    """Check the invitations of these jobs and enqueue the emails of those that pass.

    Send the emails in this batch if there are at most `send_up_to`.
    """
    metrics.ROUNDS.labels("check").inc()
    with claimed_batch(context, ids, kinds=[JobKind.INVITATION_CHECK]) as (lease, batch):
        if not batch:
            return
        subjects = [job.subject_id for job in batch]
        wanted = context.record(lease, lambda session: lookups.missing_lookups(session, context.policy, subjects))
        answers = context.lookups.fetch(set().union(*wanted.values()))
        late = {subject for subject, questions in wanted.items() if not questions <= answers.keys()}

        def judge(session: Session, lease: Lease, batch: Sequence[Claimed]) -> list[LoadedMail]:
            _screen(context, session, lease, batch, answers=answers, late=late)
            return claim_enqueued(session, lease, most=send_up_to)

        followed = record_effects(context, lease, batch, effect=judge, rescue=postpone_failed)
        send_loaded(context, lease, [email for emails in followed for email in emails])


def _screen(
    context: WorkerContext,
    session: Session,
    lease: Lease,
    batch: Sequence[Claimed],
    *,
    answers: dict[Lookup, Any],
    late: Collection[str],
) -> None:
    held = queue.lock_held(session, [job.id for job in batch], owner=lease.owner)
    queue.keep_request_context(session, batch)
    lookups.store(session, answers)
    ready = [job for job in batch if job.id in held and job.subject_id not in late]
    checks = screen.screen(session, policy=context.policy, invitation_ids=[job.subject_id for job in ready])
    metrics.count_checks(checks)
    queue.finish(session, [job.id for job in ready])
    waiting = held - {job.id for job in ready}
    if waiting:
        why = "Waiting for an answer about the domain or the contract."
        queue.postpone(session, waiting, after=RETRY_AFTER, why=why, counts=False)
