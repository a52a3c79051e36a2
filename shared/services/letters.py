"""What mails are made of, and what became of them: the rows' side of the mail task.

A letter is read once, with one statement for all invitations of a round and one for all people, and holds what its
template says. Whether it may still go is judged here as well: between promise and mail an invitation may have been
revoked, accepted, or sent again with a newer link. What the mail server said is recorded with one statement for each
table, by whoever holds the jobs.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import case, func, select, true, update
from sqlalchemy.orm import Session

from shared.actor import SYSTEM
from shared.models import Account, Delivery, Invitation, Job, JobKind, JobState, Status, User
from shared.permissions import Role, in_words
from shared.services import audit, jobs
from shared.tokens import Purpose

MAIL_KINDS = frozenset(JobKind) - {JobKind.INVITATION_CHECK}
_RIGHTS = {role: in_words(role) for role in Role}
_BLIND = {"synchronize_session": False}


@dataclass(frozen=True, slots=True)
class Link:
    """What the link in a mail is derived from; `digest` tells which of the keys made it."""

    purpose: Purpose
    subject_id: str
    generation: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class Letter:
    """One mail before it is written: to whom, what it says, and how long there is to deliver it."""

    job: Job
    recipient: str
    message_id: str
    words: Mapping[str, Any]
    link: Link | None
    age: timedelta
    left: timedelta | None


@dataclass(frozen=True, slots=True)
class Moot:
    """A mail that nobody needs any more, and why."""

    job: Job
    why: str


def load(session: Session, claimed: Collection[Job]) -> list[Letter | Moot]:
    """The letters of these jobs, in their order, and those that have become moot in between."""
    now: datetime = session.scalars(select(func.now())).one()
    invitations = _invitations(session, [job.subject_id for job in claimed if job.kind == JobKind.INVITATION_MAIL])
    people = _people(session, [job.subject_id for job in claimed if job.kind != JobKind.INVITATION_MAIL])
    return [
        _of_invitation(job, invitations.get(job.subject_id), now)
        if job.kind == JobKind.INVITATION_MAIL
        else _of_person(job, people.get(job.subject_id), now)
        for job in claimed
    ]


def sent(session: Session, said: Mapping[str, str], *, of: Collection[Job]) -> None:
    """Record the jobs whose mail the server has taken; `said` holds its answer for each job's id."""
    session.execute(
        update(Invitation)
        .where(Job.id.in_(list(said)), Job.kind == JobKind.INVITATION_MAIL, Invitation.id == Job.subject_id)
        .values(
            sent_count=Invitation.sent_count + 1,
            last_sent_at=func.now(),
            delivery=case((Invitation.generation == Job.generation, Delivery.SENT), else_=Invitation.delivery),
        ),
        execution_options=_BLIND,
    )
    for job in of:
        if job.id in said and job.kind == JobKind.INVITATION_MAIL:
            _record(session, job, "invitation.sent", generation=job.generation, said=said[job.id])
    jobs.finish(session, list(said))


def fail(session: Session, job: Job, *, delivery: Delivery = Delivery.FAILED, why: str) -> None:
    """End a job as dead, and let its invitation show it; `why` says what happened and what to do."""
    if job.kind in {JobKind.INVITATION_CHECK, JobKind.INVITATION_MAIL}:
        checking = job.kind == JobKind.INVITATION_CHECK
        current = true() if checking else Invitation.generation == job.generation
        session.execute(
            update(Invitation).where(Invitation.id == job.subject_id, current).values(delivery=delivery),
            execution_options=_BLIND,
        )
        action = "invitation.check_failed" if checking else "invitation.delivery_failed"
        _record(session, job, action, generation=job.generation, delivery=delivery, why=why)
    jobs.finish(session, [job.id], state=JobState.DEAD, why=why)


def bury_lost(session: Session) -> int:
    """Bury the jobs whose workers keep dying, and let their invitations show it; returns how many there were."""
    buried = jobs.bury_lost(session)
    for job in buried:
        fail(session, job, why=job.last_error or "")
    return len(buried)


def _record(session: Session, job: Job, action: str, **data: Any) -> None:
    audit.record(session, SYSTEM, action, subject_id=job.subject_id, account_id=job.account_id, **data)


def _invitations(session: Session, ids: list[str]) -> dict[str, tuple[Invitation, str, str, str]]:
    if not ids:
        return {}
    query = (
        select(Invitation, Account.name, User.name, User.email)
        .join(Account, Account.id == Invitation.account_id)
        .join(User, User.id == Invitation.invited_by)
        .where(Invitation.id.in_(ids))
    )
    return {row[0].id: row for row in session.execute(query)}


def _people(session: Session, ids: list[str]) -> dict[str, User]:
    return {user.id: user for user in session.scalars(select(User).where(User.id.in_(ids)))} if ids else {}


def _of_invitation(job: Job, row: tuple[Invitation, str, str, str] | None, now: datetime) -> Letter | Moot:
    if row is None:
        return Moot(job, "The invitation is gone.")
    invitation, account, inviter, inviter_email = row
    if invitation.status != Status.PENDING:
        return Moot(job, f"Nothing was mailed: the invitation was {invitation.status} before its mail could go.")
    if invitation.generation != job.generation:
        return Moot(job, "Nothing was mailed: the invitation was sent again with a newer link.")
    if invitation.expires_at <= now:
        return Moot(job, "Nothing was mailed: the invitation expired before its mail could go.")
    role = Role(invitation.role)
    return Letter(
        job=job,
        recipient=deliverable(invitation.email, invitation.email_key),
        message_id=f"{invitation.id}.{invitation.generation}",
        words={
            "account": account,
            "inviter": inviter,
            "inviter_email": inviter_email,
            "role": role.replace("_", " "),
            "rights": _RIGHTS[role],
            "message": invitation.message,
            "expires_at": invitation.expires_at,
        },
        link=Link(Purpose.INVITATION, invitation.id, invitation.generation, invitation.link_hash),
        age=_age(job, now),
        left=invitation.expires_at - now,
    )


def _of_person(job: Job, user: User | None, now: datetime) -> Letter | Moot:
    if user is None:
        return Moot(job, "The person is gone.")
    if job.kind == JobKind.SIGNUP_NOTICE_MAIL:
        return _to(user, job, now, link=None, expires_at=None)
    proving = job.kind == JobKind.VERIFICATION_MAIL
    purpose = Purpose.VERIFICATION if proving else Purpose.PASSWORD_RESET
    generation = user.proof_generation if proving else user.reset_generation
    digest = user.proof_hash if proving else user.reset_hash
    expires_at = user.proof_expires_at if proving else user.reset_expires_at
    if digest is None or generation != job.generation:
        return Moot(job, "Nothing was mailed: the link has been used, or a newer one was asked for.")
    if expires_at is not None and expires_at <= now:
        return Moot(job, "Nothing was mailed: the link ended before its mail could go.")
    return _to(user, job, now, link=Link(purpose, user.id, generation, digest), expires_at=expires_at)


def _to(user: User, job: Job, now: datetime, *, link: Link | None, expires_at: datetime | None) -> Letter:
    return Letter(
        job=job,
        recipient=deliverable(user.email, user.email_key),
        message_id=job.id,
        words={"name": user.name, "email": user.email, "expires_at": expires_at},
        link=link,
        age=_age(job, now),
        left=expires_at - now if expires_at is not None else None,
    )


def deliverable(email: str, email_key: str) -> str:
    """The address as a mail server takes it: the local part as it was typed, the domain in A-labels."""
    return f"{email.rpartition('@')[0]}@{email_key.rpartition('@')[2]}"


def _age(job: Job, now: datetime) -> timedelta:
    return now - (job.first_tried_at or now)
