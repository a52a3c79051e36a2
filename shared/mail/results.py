"""Records the results of sending emails, for jobs that the caller holds."""

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
"""A job as an ORM row, or as claimed by a worker."""

LATER = (Delivery.DELIVERED, Delivery.BOUNCED, Delivery.COMPLAINED)
"""Delivery statuses that come from provider events, from best to worst."""

_NO_SYNC = {"synchronize_session": False}


def record_sent(session: Session, replies: Mapping[str, str], *, owner: str) -> set[str]:
    """Record that the mail server accepted the emails of these jobs, with its reply to each.

    Returns the ids of the jobs that `owner` still holds. Nothing is recorded for the others.
    """
    if not replies:
        return set()
    actor_params = audit_log.event_params(SYSTEM)
    return {
        job_id
        for (job_id,) in _SENT.fetch(
            session, ids=",".join(replies), owner=owner, said=json.dumps(replies), **actor_params
        )
    }


def fail(
    session: Session, job: AnyJob, *, delivery: Delivery = Delivery.FAILED, why: str, state: JobState = JobState.DEAD
) -> None:
    """End a job without success and show that on its invitation. `why` says what happened and what to do.

    A bounce also suppresses the address.
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
    """Prepare an operator's retry of a finished job: reset the delivery status and unsuppress the address."""
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
    """Mark jobs whose workers keep dying as dead, and show that on their invitations. Returns the number of jobs."""
    dead = queue.mark_lost_dead(session)
    for job in dead:
        fail(session, job, why=job.last_error or "")
    return len(dead)


def address_key(session: Session, job: AnyJob) -> str:
    """Canonical address of the recipient of the job's email. Empty if there is none."""
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
    """One statement for all effects of a sent email: on the job, the invitation and the audit log."""
    held = queue.select_held().cte("held")
    mailed = (Invitation.id == held.c.subject_id) & (held.c.kind == JobKind.INVITATION_MAIL)
    # A provider event may arrive before the mail server's reply is recorded.
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
    events = audit_log.insert_events_for(sent, Action.INVITATION_SENT).cte("told")
    return PreparedQuery(select(held.c.id).add_cte(queue.finish_held(held), events))


_SENT = _record_sent_query()
