"""What became of mails, recorded by whoever holds their jobs."""

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Text, and_, bindparam, case, cast, func, select, true, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from shared.actor import SYSTEM
from shared.db import Question
from shared.models import Delivery, Invitation, Job, JobKind, JobState, Signup, User
from shared.services import audit, inviters, jobs, suppressions
from shared.services.jobs import Claimed

INVITATION_KINDS = frozenset({JobKind.INVITATION_CHECK, JobKind.INVITATION_MAIL})
"""The jobs that an invitation is delivered by, and whose end shows on it."""

ABOUT_INVITATIONS = INVITATION_KINDS | {JobKind.NEW_LINK_MAIL}
"""The jobs whose subject is an invitation."""

AnyJob = Job | Claimed
"""A job as a row of its own, or as its holder knows it."""

LATER = (Delivery.DELIVERED, Delivery.BOUNCED, Delivery.COMPLAINED)
"""What the mail system tells of a mail once its server has taken it, from good to bad."""

_BLIND = {"synchronize_session": False}


def sent(session: Session, said: Mapping[str, str], *, owner: str) -> set[str]:
    """Record that the server has taken the mails of these jobs, with its answer for each, as far as `owner` holds them.

    Returns which they are; the others are somebody else's by now.
    """
    if not said:
        return set()
    who = audit.told(SYSTEM)
    return {job_id for (job_id,) in _SENT.ask(session, ids=",".join(said), owner=owner, said=json.dumps(said), **who)}


def fail(
    session: Session, job: AnyJob, *, delivery: Delivery = Delivery.FAILED, why: str, state: JobState = JobState.DEAD
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


def address_key(session: Session, job: AnyJob) -> str:
    """The address that the job's mail goes to, in its canonical form."""
    if job.kind == JobKind.NEW_LINK_MAIL:
        return next((each.person.email_key for each in inviters.answering(session, [job.subject_id]).values()), "")
    for about in (Invitation,) if job.kind in INVITATION_KINDS else (User, Signup):
        found = session.scalars(select(about.email_key).where(about.id == job.subject_id)).one_or_none()
        if found is not None:
            return found
    return ""


def _record(session: Session, job: AnyJob, action: str, **data: Any) -> None:
    audit.record(session, SYSTEM, action, subject_id=job.subject_id, account_id=job.account_id, **data)


def _recording() -> Question:
    """One statement for all that a mail which was taken changes: its job, its invitation, and the audit."""
    held = jobs.holding().cte("held")
    mailed = (Invitation.id == held.c.subject_id) & (held.c.kind == JobKind.INVITATION_MAIL)
    # What became of a mail may have been told of before its server's yes is recorded.
    is_news = and_(Invitation.generation == held.c.generation, Invitation.delivery.not_in(LATER))
    words = cast(bindparam("said", type_=Text()), JSONB)[held.c.id]
    sent = (
        update(Invitation)
        .where(mailed)
        .values(
            sent_count=Invitation.sent_count + 1,
            last_sent_at=func.now(),
            delivery=case((is_news, Delivery.SENT), else_=Invitation.delivery),
        )
        .returning(
            Invitation.id,
            Invitation.account_id,
            func.jsonb_build_object("generation", held.c.generation, "said", words).label("data"),
        )
        .cte("sent")
    )
    told = audit.telling_of(sent, "invitation.sent").cte("told")
    return Question(select(held.c.id).add_cte(jobs.finishing(held), told))


_SENT = _recording()
