"""What became of mails, recorded by whoever holds their jobs."""

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Text, and_, bindparam, case, cast, func, select, true, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from shared.actor import SYSTEM
from shared.audit import log as audit_log
from shared.audit.events import Action
from shared.db.prepared import PreparedQuery
from shared.invitations import sponsors
from shared.jobs import queue
from shared.jobs.kinds import INVITATION_KINDS
from shared.jobs.queue import Claimed
from shared.mail import suppressions
from shared.models import Delivery, Invitation, Job, JobKind, JobState, Signup, User

AnyJob = Job | Claimed
"""A job as a row of its own, or as its holder knows it."""

LATER = (Delivery.DELIVERED, Delivery.BOUNCED, Delivery.COMPLAINED)
"""What the mail system tells of a mail once its server has taken it, from good to bad."""

_NO_SYNC = {"synchronize_session": False}


def record_sent(session: Session, replies: Mapping[str, str], *, owner: str) -> set[str]:
    """Record that the server has taken the mails of these jobs, with its answer for each, as far as `owner` holds them.

    Returns which they are; the others are somebody else's by now.
    """
    if not replies:
        return set()
    actor_params = audit_log.event_params(SYSTEM)
    return {
        job_id
        for (job_id,) in _SENT.fetch(
            session, ids=",".join(replies), owner=owner, original=json.dumps(replies), **actor_params
        )
    }


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
            execution_options=_NO_SYNC,
        )
        action = Action.INVITATION_CHECK_FAILED if checking else Action.INVITATION_DELIVERY_FAILED
        _record(session, job, action, generation=job.generation, delivery=delivery, why=why)
    queue.finish(session, [job.id], state=state, why=why)


def prepare_retry(session: Session, job: Job) -> None:
    """Make ready to do an ended job again because an operator said so: its invitation waits, its address is tried."""
    suppressions.lift(session, address_key(session, job))
    if job.kind not in INVITATION_KINDS:
        return
    waiting = Delivery.NONE if job.kind == JobKind.INVITATION_CHECK else Delivery.QUEUED
    session.execute(
        update(Invitation)
        .where(Invitation.id == job.subject_id, Invitation.generation == job.generation)
        .values(delivery=waiting),
        execution_options=_NO_SYNC,
    )


def mark_lost_dead(session: Session) -> int:
    """Bury the jobs whose workers keep dying, and let their invitations show it; returns how many there were."""
    dead = queue.mark_lost_dead(session)
    for job in dead:
        fail(session, job, why=job.last_error or "")
    return len(dead)


def address_key(session: Session, job: AnyJob) -> str:
    """The address that the job's mail goes to, in its canonical form."""
    if job.kind == JobKind.NEW_LINK_MAIL:
        return next((each.sponsor.email_key for each in sponsors.sponsors_of(session, [job.subject_id]).values()), "")
    for about in (Invitation,) if job.kind in INVITATION_KINDS else (User, Signup):
        found = session.scalars(select(about.email_key).where(about.id == job.subject_id)).one_or_none()
        if found is not None:
            return found
    return ""


def _record(session: Session, job: AnyJob, action: Action, **data: Any) -> None:
    audit_log.record(session, SYSTEM, action, subject_id=job.subject_id, account_id=job.account_id, **data)


def _record_sent_query() -> PreparedQuery:
    """One statement for all that a mail which was taken changes: its job, its invitation, and the audit."""
    held = queue.select_held().cte("held")
    mailed = (Invitation.id == held.c.subject_id) & (held.c.kind == JobKind.INVITATION_MAIL)
    # What became of a mail may have been told of before its server's yes is recorded.
    is_news = and_(Invitation.generation == held.c.generation, Invitation.delivery.not_in(LATER))
    words = cast(bindparam("original", type_=Text()), JSONB)[held.c.id]
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
    events = audit_log.insert_events_for(sent, Action.INVITATION_SENT).cte("told")
    return PreparedQuery(select(held.c.id).add_cte(queue.finish_held(held), events))


_SENT = _record_sent_query()
