"""Sends emails: claim, load, render, send, record. No transaction is open while the mail server is contacted.

An accepted email is noted in the journal at once and recorded within a fraction of a second. A kill so causes no
duplicates, and a crash of the whole machine only a few. If a slow server has let the loaded data grow old, an email's
content and permission to go are loaded again.
"""

import random
import time
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from sqlalchemy.orm import Session

from shared.jobs import mail_pauses, queue
from shared.jobs.kinds import MAIL_KINDS
from shared.jobs.queue import Claimed
from shared.mail import messages
from shared.mail import results as mail_results
from shared.mail.messages import Obsolete, OutgoingMail, Suppressed
from shared.models import ALL_MAIL, Delivery, JobState
from shared.observability import log, tracing
from worker import metrics
from worker.context import WorkerContext
from worker.leases import Lease
from worker.mail.outcome import Answer, Delivered, GiveUp, Rest, SendOutcome, TryAgain, after_slow, classify, decide
from worker.mail.rendering import KeyGone
from worker.tasks.batch import claimed_batch, explained, postpone_failed, record_effects

logger = log.get(__name__)

RECORD_EVERY = 24
RECORD_SECONDS = 0.05
"""Maximum unrecorded emails, and the seconds they stay so. If the journal is lost too, they are sent twice."""

LOOK_AGAIN_SECONDS = 1.0
ROUND_SECONDS = 10.0
"""Seconds after which a batch begins no more emails. It releases the rest, so a slow mail server delays no checks."""

LoadedMail = OutgoingMail | Obsolete | Suppressed
"""The email that was loaded for a job, or the reason for not sending one."""

Result = SendOutcome | Obsolete | Suppressed | Exception


@dataclass(frozen=True, slots=True)
class SendResult:
    """The result of one job of a batch, and the pause for its domain's emails, if any."""

    job: Claimed
    result: Result
    slow: timedelta | None = None

    @property
    def rest(self) -> tuple[str, timedelta, str] | None:
        """The lane to pause, for how long, and why."""
        match self.result:
            case TryAgain(_, why, _, Rest.ALL, span):
                return ALL_MAIL, span, why
            case TryAgain(_, why, _, Rest.DOMAIN, span) if self.job.lane:
                return self.job.lane, span, why
        if self.slow and self.job.lane:
            return self.job.lane, self.slow, "Emails to this domain take so long that they would delay the others."
        return None


def send_emails(context: WorkerContext, ids: Collection[str]) -> None:
    """Send the emails of these jobs, if they are still wanted."""
    metrics.ROUNDS.labels("mail").inc()
    with claimed_batch(context, ids, kinds=MAIL_KINDS) as (lease, batch):
        _SendBatch(context, lease, batch).run()


def claim_enqueued(session: Session, lease: Lease, *, most: int) -> list[LoadedMail]:
    """Claim and load the emails that this transaction enqueued if there are at most `most`. Else leave them queued."""
    enqueued = queue.take_enqueued(session)
    if not 0 < len(enqueued) <= most:
        for kind, job_id in enqueued:
            queue.record_enqueued(session, kind, [job_id])
        return []
    batch = queue.claim(session, [job_id for _, job_id in enqueued], kinds=MAIL_KINDS, owner=lease.owner)
    return messages.load(session, batch)


def send_loaded(context: WorkerContext, lease: Lease, loaded: Sequence[LoadedMail]) -> None:
    """Send emails that were claimed under this lease and loaded just now."""
    if loaded:
        metrics.ROUNDS.labels("mail").inc()
        _SendBatch(context, lease, [email.job for email in loaded], loaded).run()


class _SendBatch:
    """Sends a batch of emails, one after another. `loaded` are its emails, if they were loaded just now."""

    def __init__(
        self, context: WorkerContext, lease: Lease, batch: Sequence[Claimed], loaded: Sequence[LoadedMail] = ()
    ) -> None:
        self._context = context
        self._lease = lease
        self._left = list(batch)
        self._emails: list[LoadedMail] = list(loaded)
        self._written: dict[str, bytes] = {}
        self._results: list[SendResult] = []
        self._resting: set[str] = set()
        self._began = self._recorded_at = time.monotonic()
        self._looked_at = self._began if loaded else 0.0

    def run(self) -> None:
        """Send what is allowed, record the results, and release the rest."""
        aside = []
        while self._left:
            self._look_again()
            if not self._may_go_on():  # Loading waits while the database is unavailable.
                break
            email = self._next()
            if email.job.lane in self._resting:
                aside.append(email.job)
                continue
            self._note(self._send(email))
        self._context.smtp_client.forget_following()
        self._record()
        back = [job.id for job in (*aside, *self._left)]
        if back:
            self._context.record(self._lease, lambda session: queue.release(session, back, owner=self._lease.owner))

    def _may_go_on(self) -> bool:
        in_time = time.monotonic() - self._began < ROUND_SECONDS
        return in_time and self._lease.holds() and not self._context.stopping() and ALL_MAIL not in self._resting

    def _look_again(self) -> None:
        if time.monotonic() - self._looked_at > LOOK_AGAIN_SECONDS:
            self._emails = self._context.record(self._lease, lambda session: messages.load(session, self._left))
            self._written.clear()
            self._looked_at = time.monotonic()

    def _next(self) -> LoadedMail:
        self._left.pop(0)
        return self._emails.pop(0)

    def _send(self, email: LoadedMail) -> SendResult:
        if not isinstance(email, OutgoingMail):
            return SendResult(email.job, email)
        began = time.monotonic()
        try:
            with tracing.span("emails.send", email.job.data, job=email.job.id, about=email.job.subject_id):
                answer = self._hand_over(email)
        except KeyGone as gone:
            return SendResult(email.job, GiveUp(Delivery.FAILED, str(gone)))
        except Exception as error:
            logger.exception("could not render an email", job=email.job.id)
            return SendResult(email.job, error)
        now = time.monotonic()
        result = _decide(email, answer, loaded_ago=timedelta(seconds=now - self._looked_at), took=now - began)
        if isinstance(result, Delivered):
            self._context.sent_journal.note(self._lease.owner, email.job.id, result.reply)
        return SendResult(email.job, result, after_slow(self._context.smtp_client.thought_for))

    def _hand_over(self, email: OutgoingMail) -> Answer:
        content = self._written.pop(email.job.id, None) or self._context.renderer.render_message(email)
        sender, following = self._context.renderer.sender.address, self._following()
        with tracing.span("smtp"):
            if following is None:
                return self._context.smtp_client.send(sender, email.recipient, content)
            ahead = partial(self._write_ahead, following)
            return self._context.smtp_client.send(
                sender, email.recipient, content, following=following.recipient, meanwhile=ahead
            )

    def _following(self) -> OutgoingMail | None:
        following = self._emails[0] if self._emails else None
        return following if isinstance(following, OutgoingMail) and following.job.lane not in self._resting else None

    def _write_ahead(self, following: OutgoingMail) -> None:
        """Render the next email while the server decides about this one."""
        with suppress(Exception):  # It fails again when its turn comes.
            self._written = {following.job.id: self._context.renderer.render_message(following)}

    def _note(self, result: SendResult) -> None:
        self._results.append(result)
        if result.rest:
            self._resting.add(result.rest[0])
        if len(self._results) >= RECORD_EVERY or time.monotonic() - self._recorded_at > RECORD_SECONDS:
            self._record()

    def _record(self) -> None:
        autocommit = all(isinstance(each.result, Delivered) and not each.rest for each in self._results)
        record_effects(self._context, self._lease, self._results, effect=_record, rescue=_rescue, autocommit=autocommit)
        self._context.sent_journal.forget()
        self._results, self._recorded_at = [], time.monotonic()


def _decide(email: OutgoingMail, answer: Answer, *, loaded_ago: timedelta, took: float) -> SendOutcome:
    chance = random.random()  # noqa: S311 - it only spreads the retries
    outcome = decide(answer, attempts=email.job.attempts, age=email.age, left=email.left, chance=chance)
    metrics.SMTP_SECONDS.observe(took)
    if isinstance(outcome, Delivered):
        metrics.DELIVERED.inc()
        metrics.REQUEST_TO_SENT_SECONDS.labels(email.job.kind).observe((email.waited + loaded_ago).total_seconds())
    else:
        metrics.SMTP_REPLIES.labels(classify(answer).name.lower()).inc()
    return outcome


def _record(session: Session, lease: Lease, results: Sequence[SendResult]) -> None:
    replies = {each.job.id: each.result.reply for each in results if isinstance(each.result, Delivered)}
    unsent = [each.job.id for each in results if each.job.id not in replies]
    held = mail_results.record_sent(session, replies, owner=lease.owner)
    if unsent:
        held |= queue.lock_held(session, unsent, owner=lease.owner)
    ours = [each for each in results if each.job.id in held]
    for each in ours:
        _log_result(each.job, type(each.result).__name__)
        if each.job.id not in replies:
            _record_unsent(session, each.job, each.result)
        if each.rest:
            lane, span, why = each.rest
            mail_pauses.pause(session, lane, duration=span, why=why)
    if len(ours) < len(results):
        metrics.FENCED.inc(len(results) - len(ours))
        logger.warning("a lease was lost; another process has these jobs", jobs=len(results) - len(ours))


def _record_unsent(session: Session, job: Claimed, result: Result) -> None:
    match result:
        case TryAgain(after=after, why=why, counts=counts):
            queue.postpone(session, [job.id], after=after, why=why, counts=counts)
        case GiveUp(delivery, why):
            mail_results.fail(session, job, delivery=delivery, why=why)
        case Suppressed(_, why):
            mail_results.fail(session, job, delivery=Delivery.SUPPRESSED, why=why)
        case Obsolete(_, why):
            queue.finish(session, [job.id], state=JobState.CANCELLED, why=why)
        case Exception():
            postpone_failed(session, job, explained(result))


def _log_result(job: Claimed, outcome: str) -> None:
    request_id = job.data.get("request_id")
    logger.info(
        "email processed", job=job.id, kind=job.kind, about=job.subject_id, request_id=request_id, outcome=outcome
    )


def _rescue(session: Session, item: SendResult, why: str) -> None:
    if isinstance(item.result, Delivered):
        # Sending it again because its row is bad would never end.
        queue.finish(session, [item.job.id], state=JobState.DEAD, why=f"The email was sent, but not recorded. {why}")
    else:
        postpone_failed(session, item.job, why)
