"""Mails letters: claim, read, write, carry, record. No transaction is open while the mail server is spoken to.

What the server took is noted in the journal at once and recorded within a blink, so that a kill makes no second copies
and the end of the whole machine only a few. What a letter says and whether it may go is looked at again when a slow
server has let that grow old.
"""

import random
import time
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from sqlalchemy.orm import Session

from shared import log, tracing
from shared.models import ALL_MAIL, Delivery, JobState
from shared.services import deliveries, jobs, letters, pauses
from shared.services.jobs import Claimed
from shared.services.letters import Letter, Moot, Suppressed
from worker import metrics
from worker.leases import Lease
from worker.mail.outcome import Answer, Delivered, GiveUp, Outcome, Rest, TryAgain, after_slow, classify, decide
from worker.mail.rendering import KeyGone
from worker.runtime import Runtime
from worker.tasks.rounds import claimed, explained, put_off, settle

logger = log.get(__name__)

RECORD_EVERY = 24
RECORD_SECONDS = 0.05
"""How many mails stand unrecorded and for how long: where not even the journal is left, they go out twice."""

LOOK_AGAIN_SECONDS = 1.0
ROUND_SECONDS = 10.0
"""A round begins no mail after this long; what is left goes back, so that a slow mail server holds up no checks."""

Read = Letter | Moot | Suppressed
"""What a job's letter has turned out to be."""

Result = Outcome | Moot | Suppressed | Exception


@dataclass(frozen=True, slots=True)
class Carried:
    """One job of a round, what came of it, and how long the mails of its domain rest for it, if they do."""

    job: Claimed
    result: Result
    slow: timedelta | None = None

    @property
    def rest(self) -> tuple[str, timedelta, str] | None:
        """The lane that rests now, how long, and why."""
        match self.result:
            case TryAgain(_, why, _, Rest.ALL, span):
                return ALL_MAIL, span, why
            case TryAgain(_, why, _, Rest.DOMAIN, span) if self.job.lane:
                return self.job.lane, span, why
        if self.slow and self.job.lane:
            return self.job.lane, self.slow, "Mails to this domain take so long that they would hold up the others."
        return None


def mail(runtime: Runtime, ids: Collection[str]) -> None:
    """Mail the letters of these jobs, as far as they are still wanted."""
    metrics.ROUNDS.labels("mail").inc()
    with claimed(runtime, ids, kinds=letters.MAIL_KINDS) as (lease, batch):
        _Round(runtime, lease, batch).run()


def take_promised(session: Session, lease: Lease, *, most: int) -> list[Read]:
    """Claim and read the mails that this very transaction has promised, if they are no more; else leave them be."""
    promised = jobs.promised(session)
    if not 0 < len(promised) <= most:
        for kind, job_id in promised:
            jobs.wrote(session, kind, [job_id])
        return []
    batch = jobs.claim(session, [job_id for _, job_id in promised], kinds=letters.MAIL_KINDS, owner=lease.owner)
    return letters.load(session, batch)


def carry(runtime: Runtime, lease: Lease, read: Sequence[Read]) -> None:
    """Carry letters that were claimed under this lease and read just now."""
    if read:
        metrics.ROUNDS.labels("mail").inc()
        _Round(runtime, lease, [letter.job for letter in read], read).run()


class _Round:
    """Carries a batch of mails, one after the other; `read` are their letters, where those were read just now."""

    def __init__(self, runtime: Runtime, lease: Lease, batch: Sequence[Claimed], read: Sequence[Read] = ()) -> None:
        self._runtime = runtime
        self._lease = lease
        self._left = list(batch)
        self._letters: list[Read] = list(read)
        self._written: dict[str, bytes] = {}
        self._carried: list[Carried] = []
        self._resting: set[str] = set()
        self._began = self._recorded_at = time.monotonic()
        self._looked_at = self._began if read else 0.0

    def run(self) -> None:
        """Carry what may go, record what came of it, and put back the rest."""
        aside = []
        while self._left and self._may_go_on():
            letter = self._next()
            if letter.job.lane in self._resting:
                aside.append(letter.job)
                continue
            self._note(self._carry(letter))
        self._runtime.mailer.forget_following()
        self._record()
        back = [job.id for job in (*aside, *self._left)]
        if back:
            self._runtime.record(self._lease, lambda session: jobs.release(session, back, owner=self._lease.owner))

    def _may_go_on(self) -> bool:
        in_time = time.monotonic() - self._began < ROUND_SECONDS
        return in_time and self._lease.holds() and not self._runtime.stopping() and ALL_MAIL not in self._resting

    def _next(self) -> Read:
        if time.monotonic() - self._looked_at > LOOK_AGAIN_SECONDS:
            self._letters = self._runtime.record(self._lease, lambda session: letters.load(session, self._left))
            self._written.clear()
            self._looked_at = time.monotonic()
        self._left.pop(0)
        return self._letters.pop(0)

    def _carry(self, letter: Read) -> Carried:
        if not isinstance(letter, Letter):
            return Carried(letter.job, letter)
        began = time.monotonic()
        try:
            with tracing.span("letters.mail", letter.job.data, job=letter.job.id, about=letter.job.subject_id):
                answer = self._hand_over(letter)
        except KeyGone as gone:
            return Carried(letter.job, GiveUp(Delivery.FAILED, str(gone)))
        except Exception as error:
            logger.exception("a mail could not be written", job=letter.job.id)
            return Carried(letter.job, error)
        now = time.monotonic()
        result = _judged(letter, answer, loaded_ago=timedelta(seconds=now - self._looked_at), took=now - began)
        if isinstance(result, Delivered):
            self._runtime.journal.note(self._lease.owner, letter.job.id, result.said)
        # What the mail server itself takes until it greets says nothing of the domain.
        about_the_mail = now - began - self._runtime.mailer.spent_connecting
        return Carried(letter.job, result, after_slow(timedelta(seconds=about_the_mail)))

    def _hand_over(self, letter: Letter) -> Answer:
        content = self._written.pop(letter.job.id, None) or self._runtime.writer.write(letter)
        sender, following = self._runtime.writer.sender.address, self._following()
        with tracing.span("smtp"):
            if following is None:
                return self._runtime.mailer.send(sender, letter.recipient, content)
            ahead = partial(self._write_ahead, following)
            return self._runtime.mailer.send(
                sender, letter.recipient, content, following=following.recipient, meanwhile=ahead
            )

    def _following(self) -> Letter | None:
        following = self._letters[0] if self._letters else None
        return following if isinstance(following, Letter) and following.job.lane not in self._resting else None

    def _write_ahead(self, following: Letter) -> None:
        """Write the next letter while the server thinks about this one."""
        with suppress(Exception):  # It fails again in its turn.
            self._written = {following.job.id: self._runtime.writer.write(following)}

    def _note(self, carried: Carried) -> None:
        self._carried.append(carried)
        if carried.rest:
            self._resting.add(carried.rest[0])
        if len(self._carried) >= RECORD_EVERY or time.monotonic() - self._recorded_at > RECORD_SECONDS:
            self._record()

    def _record(self) -> None:
        alone = all(isinstance(each.result, Delivered) and not each.rest for each in self._carried)
        settle(self._runtime, self._lease, self._carried, effect=_record, rescue=_rescue, alone=alone)
        self._runtime.journal.forget()
        self._carried, self._recorded_at = [], time.monotonic()


def _judged(letter: Letter, answer: Answer, *, loaded_ago: timedelta, took: float) -> Outcome:
    chance = random.random()  # noqa: S311 - it only spreads the next tries
    outcome = decide(answer, attempts=letter.job.attempts, age=letter.age, left=letter.left, chance=chance)
    metrics.SMTP_SECONDS.observe(took)
    if isinstance(outcome, Delivered):
        metrics.DELIVERED.inc()
        metrics.TO_MAIL_SECONDS.labels(letter.job.kind).observe((letter.waited + loaded_ago).total_seconds())
    else:
        metrics.SMTP_REPLIES.labels(classify(answer).name.lower()).inc()
    return outcome


def _record(session: Session, lease: Lease, carried: Sequence[Carried]) -> None:
    said = {each.job.id: each.result.said for each in carried if isinstance(each.result, Delivered)}
    unsent = [each.job.id for each in carried if each.job.id not in said]
    held = deliveries.sent(session, said, owner=lease.owner)
    if unsent:
        held |= jobs.held(session, unsent, owner=lease.owner)
    ours = [each for each in carried if each.job.id in held]
    for each in ours:
        _tell(each.job, type(each.result).__name__)
        if each.job.id not in said:
            _record_unsent(session, each.job, each.result)
        if each.rest:
            lane, span, why = each.rest
            pauses.pause(session, lane, span=span, why=why)
    if len(ours) < len(carried):
        metrics.FENCED.inc(len(carried) - len(ours))
        logger.warning("a lease was lost; somebody else has these jobs", jobs=len(carried) - len(ours))


def _record_unsent(session: Session, job: Claimed, result: Result) -> None:
    match result:
        case TryAgain(after=after, why=why, counts=counts):
            jobs.postpone(session, [job.id], after=after, why=why, counts=counts)
        case GiveUp(delivery, why):
            deliveries.fail(session, job, delivery=delivery, why=why)
        case Suppressed(_, why):
            deliveries.fail(session, job, delivery=Delivery.SUPPRESSED, why=why)
        case Moot(_, why):
            jobs.finish(session, [job.id], state=JobState.CANCELLED, why=why)
        case Exception():
            put_off(session, job, explained(result))


def _tell(job: Claimed, outcome: str) -> None:
    request_id = job.data.get("request_id")
    logger.info("carried", job=job.id, kind=job.kind, about=job.subject_id, request_id=request_id, outcome=outcome)


def _rescue(session: Session, item: Carried, why: str) -> None:
    if isinstance(item.result, Delivered):
        # Mailing it again because its row is bad would mail it again and again.
        jobs.finish(session, [item.job.id], state=JobState.DEAD, why=f"The mail was sent, but not recorded. {why}")
    else:
        put_off(session, item.job, why)
