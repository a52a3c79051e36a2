"""Mails letters: claim, read, write, carry, record. No transaction is open while the mail server is spoken to.

What the server took is recorded at once when it is slow, and in groups when it is quick, so that few mails stand
between its answer and our commit: only those go out twice when this process is killed.
"""

import random
import time
from collections.abc import Collection, Sequence

from sqlalchemy.orm import Session

from shared import log
from shared.models import Delivery, Job, JobState
from shared.services import jobs, letters
from shared.services.letters import Letter, Moot
from worker.leases import Lease
from worker.mail.outcome import Delivered, GiveUp, Outcome, TryAgain, decide
from worker.mail.rendering import KeyGone
from worker.runtime import Runtime
from worker.tasks.rounds import claimed, explained, put_off, settle

logger = log.get(__name__)

RECORD_EVERY = 20
RECORD_SECONDS = 1.0

ROUND_SECONDS = 45.0
"""A round begins no mail after this long; what is left goes back, to be taken by whoever is free."""

Result = Outcome | Moot | Exception


def mail(runtime: Runtime, ids: Collection[str]) -> None:
    """Mail the letters of these jobs, as far as they are still wanted."""
    with claimed(runtime, ids, kinds=letters.MAIL_KINDS) as (lease, batch):
        if batch:
            mails = runtime.record(lease, lambda session: letters.load(session, batch))
            _carry_all(runtime, lease, mails)


def _carry_all(runtime: Runtime, lease: Lease, mails: list[Letter | Moot]) -> None:
    began = recorded_at = time.monotonic()
    results: list[tuple[Job, Result]] = []
    left = list(mails)
    while left and lease.holds() and not runtime.stopping() and time.monotonic() - began < ROUND_SECONDS:
        letter = left.pop(0)
        results.append((letter.job, _carry(runtime, letter)))
        if len(results) >= RECORD_EVERY or time.monotonic() - recorded_at > RECORD_SECONDS:
            settle(runtime, lease, results, effect=_record, rescue=_rescue)
            results, recorded_at = [], time.monotonic()
    settle(runtime, lease, results, effect=_record, rescue=_rescue)
    if left:
        runtime.record(lease, lambda session: jobs.release(session, [each.job.id for each in left], owner=lease.owner))


def _carry(runtime: Runtime, letter: Letter | Moot) -> Result:
    if isinstance(letter, Moot):
        return letter
    try:
        content = runtime.writer.write(letter)
        answer = runtime.mailer.send(runtime.writer.sender.address, letter.recipient, content)
    except KeyGone as gone:
        return GiveUp(Delivery.FAILED, str(gone))
    except Exception as error:
        logger.exception("a mail could not be written", job=letter.job.id)
        return error
    chance = random.random()  # noqa: S311 - it only spreads the next tries
    return decide(answer, attempts=letter.job.attempts, age=letter.age, left=letter.left, chance=chance)


def _record(session: Session, lease: Lease, results: Sequence[tuple[Job, Result]]) -> None:
    held = jobs.held(session, [job.id for job, _ in results], owner=lease.owner)
    ours = [(job, result) for job, result in results if job.id in held]
    said = {job.id: result.said for job, result in ours if isinstance(result, Delivered)}
    if said:
        letters.sent(session, said, of=[job for job, _ in ours])
    for job, result in ours:
        if job.id not in said:
            _record_unsent(session, job, result)
    if len(ours) < len(results):
        logger.warning("a lease was lost; somebody else has these jobs", jobs=len(results) - len(ours))


def _record_unsent(session: Session, job: Job, result: Result) -> None:
    match result:
        case TryAgain(after, why, counts):
            jobs.postpone(session, [job.id], after=after, why=why, counts=counts)
        case GiveUp(delivery, why):
            letters.fail(session, job, delivery=delivery, why=why)
        case Moot(_, why):
            jobs.finish(session, [job.id], state=JobState.CANCELLED, why=why)
        case Exception():
            put_off(session, job, explained(result))
    logger.info("not mailed", job=job.id, kind=job.kind, outcome=type(result).__name__)


def _rescue(session: Session, item: tuple[Job, Result], why: str) -> None:
    job, result = item
    if isinstance(result, Delivered):
        # Mailing it again because its row is bad would mail it again and again.
        jobs.finish(session, [job.id], state=JobState.DEAD, why=f"The mail was sent, but not recorded. {why}")
    else:
        put_off(session, job, why)
