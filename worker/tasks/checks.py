"""Checks invitations before they are mailed: claim, ask the outside world, judge. No transaction waits for an answer.

What isn't answered within moments is left to come round again a little later, so that one silent name server holds up
nobody else's invitation. A few mails that follow can be claimed in the transaction that promises them and are carried
right away, which spares them a way through the broker; of many, each is for whoever is free.
"""

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy.orm import Session

from shared.models import JobKind
from shared.services import checking, jobs, outside
from shared.services.jobs import Claimed
from shared.services.outside import Question
from worker import metrics
from worker.leases import Lease
from worker.runtime import Runtime
from worker.tasks.mail import Read, carry, take_promised
from worker.tasks.rounds import claimed, put_off, settle

COME_AGAIN = timedelta(seconds=1)

FEW = 3
"""How many mails may follow from a round for it to carry them."""


def check(runtime: Runtime, ids: Collection[str], *, carries: int = 0) -> None:
    """Judge the invitations of these jobs, and promise the mails of those that pass; carry up to so many of them."""
    metrics.ROUNDS.labels("check").inc()
    with claimed(runtime, ids, kinds=[JobKind.INVITATION_CHECK]) as (lease, batch):
        if not batch:
            return
        subjects = [job.subject_id for job in batch]
        wanted = runtime.record(lease, lambda session: outside.questions(session, runtime.rules, subjects))
        answers = runtime.desk.ask(set().union(*wanted.values()))
        late = {subject for subject, questions in wanted.items() if not questions <= answers.keys()}

        def judge(session: Session, lease: Lease, batch: Sequence[Claimed]) -> list[Read]:
            _judge(runtime, session, lease, batch, answers=answers, late=late)
            return take_promised(session, lease, most=carries)

        followed = settle(runtime, lease, batch, effect=judge, rescue=put_off)
        carry(runtime, lease, [letter for letters in followed for letter in letters])


def _judge(
    runtime: Runtime,
    session: Session,
    lease: Lease,
    batch: Sequence[Claimed],
    *,
    answers: dict[Question, Any],
    late: Collection[str],
) -> None:
    held = jobs.held(session, [job.id for job in batch], owner=lease.owner)
    jobs.carry_on(session, batch)
    outside.keep(session, answers)
    ready = [job for job in batch if job.id in held and job.subject_id not in late]
    checks = checking.judge(session, rules=runtime.rules, invitation_ids=[job.subject_id for job in ready])
    metrics.judged(checks)
    jobs.finish(session, [job.id for job in ready])
    waiting = held - {job.id for job in ready}
    if waiting:
        why = "Waiting for an answer about the domain or the contract."
        jobs.postpone(session, waiting, after=COME_AGAIN, why=why, counts=False)
