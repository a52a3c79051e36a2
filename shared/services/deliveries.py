"""What became of mails, recorded by whoever holds their jobs, with one statement for each table."""

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import and_, case, func, select, true, update
from sqlalchemy.orm import Session

from shared.actor import SYSTEM
from shared.db import Question
from shared.models import Delivery, Invitation, Job, JobKind, JobState, User
from shared.models.columns import listed
from shared.services import audit, inviters, jobs, suppressions

INVITATION_KINDS = frozenset({JobKind.INVITATION_CHECK, JobKind.INVITATION_MAIL})
"""The jobs that an invitation is delivered by, and whose end shows on it."""

ABOUT_INVITATIONS = INVITATION_KINDS | {JobKind.NEW_LINK_MAIL}
"""The jobs whose subject is an invitation."""

LATER = (Delivery.DELIVERED, Delivery.BOUNCED, Delivery.COMPLAINED)
"""What the mail system tells of a mail once its server has taken it, from good to bad."""

_BLIND = {"synchronize_session": False}


def sent(session: Session, said: Mapping[str, str], *, of: Collection[Job]) -> None:
    """Record the jobs whose mail the server has taken; `said` holds its answer for each job's id."""
    mailed = [job for job in of if job.id in said and job.kind == JobKind.INVITATION_MAIL]
    if mailed:
        _SENT.ask(session, ids=",".join(job.id for job in mailed))
        told = (
            (each.subject_id, each.account_id, {"generation": each.generation, "said": said[each.id]})
            for each in mailed
        )
        audit.record_all(session, SYSTEM, "invitation.sent", told)
    jobs.finish(session, list(said))


def fail(
    session: Session, job: Job, *, delivery: Delivery = Delivery.FAILED, why: str, state: JobState = JobState.DEAD
) -> None:
    """End a job undone, and let its invitation show it; `why` says what happened and what to do.

    A bounce suppresses the address: nobody has it.
    """
    if delivery is Delivery.BOUNCED:
        suppressions.suppress(session, address_key(session, job), why=why)
    if job.kind in INVITATION_KINDS:
        checking = job.kind == JobKind.INVITATION_CHECK
        current = true() if checking else Invitation.generation == job.generation
        session.execute(
            update(Invitation).where(Invitation.id == job.subject_id, current).values(delivery=delivery),
            execution_options=_BLIND,
        )
        action = "invitation.check_failed" if checking else "invitation.delivery_failed"
        _record(session, job, action, generation=job.generation, delivery=delivery, why=why)
    jobs.finish(session, [job.id], state=state, why=why)


def revive(session: Session, job: Job) -> None:
    """Make ready to do an ended job again because an operator said so: its invitation waits, its address is tried."""
    suppressions.lift(session, address_key(session, job))
    if job.kind not in INVITATION_KINDS:
        return
    waiting = Delivery.NONE if job.kind == JobKind.INVITATION_CHECK else Delivery.QUEUED
    session.execute(
        update(Invitation)
        .where(Invitation.id == job.subject_id, Invitation.generation == job.generation)
        .values(delivery=waiting),
        execution_options=_BLIND,
    )


def bury_lost(session: Session) -> int:
    """Bury the jobs whose workers keep dying, and let their invitations show it; returns how many there were."""
    buried = jobs.bury_lost(session)
    for job in buried:
        fail(session, job, why=job.last_error or "")
    return len(buried)


def address_key(session: Session, job: Job) -> str:
    """The address that the job's mail goes to, in its canonical form."""
    if job.kind == JobKind.NEW_LINK_MAIL:
        return next((each.person.email_key for each in inviters.answering(session, [job.subject_id]).values()), "")
    about = Invitation if job.kind in INVITATION_KINDS else User
    return session.scalars(select(about.email_key).where(about.id == job.subject_id)).one_or_none() or ""


def _record(session: Session, job: Job, action: str, **data: Any) -> None:
    audit.record(session, SYSTEM, action, subject_id=job.subject_id, account_id=job.account_id, **data)


# What became of a mail may have been told of before its server's yes is recorded.
_IS_NEWS = and_(Invitation.generation == Job.generation, Invitation.delivery.not_in(LATER))
_SENT = Question(
    update(Invitation)
    .where(Job.id == func.any(listed("ids")), Invitation.id == Job.subject_id)
    .values(
        sent_count=Invitation.sent_count + 1,
        last_sent_at=func.now(),
        delivery=case((_IS_NEWS, Delivery.SENT), else_=Invitation.delivery),
    )
)
