"""Loads the data for outgoing emails.

One statement reads all invitations of a batch, and another all people. This module also decides whether an email may
still be sent. Between enqueueing and sending, an invitation may have been revoked, accepted, or resent with a newer
link. Its role may have changed, or its address may have bounced.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from shared.accounts import api_keys
from shared.db.predicates import any_of
from shared.db.prepared import PreparedQuery
from shared.invitations import sponsors
from shared.invitations.sponsors import Sponsorship
from shared.jobs.kinds import Recipient, kinds_to
from shared.jobs.queue import Claimed
from shared.mail import suppressions
from shared.models import Account, Invitation, Job, JobKind, Signup, Status, User
from shared.permissions import Role, in_words
from shared.tokens import Purpose

_TO_USERS = kinds_to(Recipient.USER)
_RIGHTS = {role: in_words(role) for role in Role}


class _InvitationRow(NamedTuple):
    """An invitation as its email shows it, plus the fields that decide whether to send it."""

    id: str
    email: str
    email_key: str
    status: str
    generation: int
    expires_at: datetime
    role: str
    message: str | None
    link_hash: bytes
    account: str
    inviter: str
    inviter_email: str
    requested_at: datetime | None


@dataclass(frozen=True, slots=True)
class Link:
    """The input for deriving the link in an email. `digest` identifies the secret key that signed it."""

    purpose: Purpose
    subject_id: str
    generation: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class OutgoingMail:
    """An email before rendering: recipient, template values, and the time left to deliver it."""

    job: Claimed
    recipient: str
    recipient_key: str
    message_id: str
    words: Mapping[str, Any]
    link: Link | None
    age: timedelta
    left: timedelta | None
    waited: timedelta


@dataclass(frozen=True, slots=True)
class Obsolete:
    """An email that is no longer needed, with the reason."""

    job: Claimed
    why: str


@dataclass(frozen=True, slots=True)
class Suppressed:
    """An email to a suppressed address, with the reason."""

    job: Claimed
    why: str


def load(session: Session, claimed: Collection[Claimed]) -> list[OutgoingMail | Obsolete | Suppressed]:
    """Load the email of each job, in order, or the reason not to send it."""
    ((now,),) = _NOW.fetch(session)
    invitations = _invitations(session, _subjects(claimed, JobKind.INVITATION_MAIL))
    requests = sponsors.sponsors_of(session, _subjects(claimed, JobKind.NEW_LINK_MAIL))
    people = _people(session, _subjects(claimed, *_TO_USERS))
    keys = api_keys.live_by_creator(session, _subjects(claimed, JobKind.PASSWORD_RESET_MAIL))

    def build(job: Claimed) -> OutgoingMail | Obsolete:
        if job.kind == JobKind.INVITATION_MAIL:
            return _of_invitation(job, invitations.get(job.subject_id), now)
        if job.kind == JobKind.NEW_LINK_MAIL:
            return _of_request(job, requests.get(job.subject_id), now)
        return _of_person(job, people.get(job.subject_id), keys.get(job.subject_id, 0), now)

    return _without_suppressed(session, [build(job) for job in claimed])


def _subjects(claimed: Collection[Claimed], *kinds: JobKind) -> list[str]:
    return [job.subject_id for job in claimed if job.kind in kinds]


def _without_suppressed(
    session: Session, emails: Sequence[OutgoingMail | Obsolete]
) -> list[OutgoingMail | Obsolete | Suppressed]:
    suppressed = suppressions.find_suppressed(
        session, {each.recipient_key for each in emails if isinstance(each, OutgoingMail)}
    )
    return [
        Suppressed(
            each.job, f"Nothing was mailed, because of what came of an earlier mail. {suppressed[each.recipient_key]}"
        )
        if isinstance(each, OutgoingMail) and each.recipient_key in suppressed
        else each
        for each in emails
    ]


def _invitations(session: Session, ids: list[str]) -> dict[str, _InvitationRow]:
    invitations = map(_InvitationRow._make, _INVITATIONS.fetch(session, ids=",".join(ids))) if ids else ()
    return {invitation.id: invitation for invitation in invitations}


def _invitations_query() -> PreparedQuery:
    check = aliased(Job)
    requested_at = select(func.min(check.created_at)).where(
        check.subject_id == Invitation.id, check.generation == Invitation.generation
    )
    own = (getattr(Invitation, name) for name in _InvitationRow._fields[: _InvitationRow._fields.index("account")])
    query = select(*own, Account.name, User.name, User.email, requested_at.scalar_subquery())
    query = query.join(Account, Account.id == Invitation.account_id).join(User, User.id == Invitation.invited_by)
    return PreparedQuery(query.where(Invitation.id == func.any(any_of("ids"))))


def _people(session: Session, ids: list[str]) -> dict[str, User | Signup]:
    """Users with these ids, and sign-ups that are not users yet."""
    found: dict[str, User | Signup] = {}
    if ids:
        found |= {signup.id: signup for signup in session.scalars(select(Signup).where(Signup.id.in_(ids)))}
        found |= {user.id: user for user in session.scalars(select(User).where(User.id.in_(ids)))}
    return found


def _of_invitation(job: Claimed, invitation: _InvitationRow | None, now: datetime) -> OutgoingMail | Obsolete:
    if invitation is None:
        return Obsolete(job, "The invitation is gone.")
    if invitation.status != Status.PENDING:
        return Obsolete(job, f"Nothing was mailed: the invitation was {invitation.status} before its mail could go.")
    if invitation.generation != job.generation:
        return Obsolete(job, "Nothing was mailed: the invitation was sent again with a newer link.")
    if invitation.expires_at <= now:
        return Obsolete(job, "Nothing was mailed: the invitation expired before its mail could go.")
    role = Role.from_row(invitation.role)
    return OutgoingMail(
        job=job,
        recipient=deliverable(invitation.email, invitation.email_key),
        recipient_key=invitation.email_key,
        message_id=f"{invitation.id}.{invitation.generation}",
        words={
            "account": invitation.account,
            "inviter": invitation.inviter,
            "inviter_email": invitation.inviter_email,
            "role": role.replace("_", " "),
            "rights": _RIGHTS.get(role, []),
            "message": invitation.message,
            "expires_at": invitation.expires_at,
        },
        link=Link(Purpose.INVITATION, invitation.id, invitation.generation, invitation.link_hash),
        age=_age(job, now),
        left=invitation.expires_at - now,
        waited=now - (invitation.requested_at or job.created_at),
    )


def _of_request(job: Claimed, row: Sponsorship | None, now: datetime) -> OutgoingMail | Obsolete:
    if row is None:
        return Obsolete(job, "The invitation is gone.")
    invitation = row.invitation
    if invitation.status == Status.ACCEPTED:
        return Obsolete(job, "Nothing was mailed: the invitation was accepted meanwhile.")
    if invitation.generation != job.generation:
        return Obsolete(job, "Nothing was mailed: the invitation was sent again meanwhile.")
    words = {
        "account": row.account.name,
        "account_id": row.account.id,
        "invitee": invitation.email,
        "inviter": None if row.is_inviter else row.inviter.name,
        "role": invitation.role.replace("_", " "),
        "status": invitation.status,
    }
    return _to_user(row.sponsor, job, now, link=None, expires_at=None, name=row.sponsor.name, **words)


def _of_person(job: Claimed, person: User | Signup | None, keys: int, now: datetime) -> OutgoingMail | Obsolete:
    if person is None:
        return Obsolete(job, "The person is gone.")
    if job.kind == JobKind.VERIFICATION_MAIL:
        return _of_signup(job, person, now)
    if isinstance(person, Signup):
        return Obsolete(job, "The address is not proven yet.")
    name = {"name": person.name}
    if job.kind == JobKind.SIGNUP_NOTICE_MAIL:
        return _to_user(person, job, now, link=None, expires_at=None, **name)
    reason = _reason_not_to_send(job, person.reset_generation, person.reset_hash, person.reset_expires_at, now)
    if reason is not None or person.reset_hash is None:
        return Obsolete(job, reason or "")
    link = Link(Purpose.PASSWORD_RESET, person.id, person.reset_generation, person.reset_hash)
    return _to_user(person, job, now, link=link, expires_at=person.reset_expires_at, api_keys=keys, **name)


def _of_signup(job: Claimed, signup: User | Signup, now: datetime) -> OutgoingMail | Obsolete:
    """Contains nothing from the sign-up form except the address, because the mailbox owner may be someone else."""
    if signup.email_verified_at is not None:
        return Obsolete(job, "Nothing was mailed: the address is proven.")
    reason = _reason_not_to_send(job, signup.proof_generation, signup.proof_hash, signup.proof_expires_at, now)
    if reason is not None or signup.proof_hash is None:
        return Obsolete(job, reason or "")
    link = Link(Purpose.VERIFICATION, signup.id, signup.proof_generation, signup.proof_hash)
    return _to_user(signup, job, now, link=link, expires_at=signup.proof_expires_at)


def _reason_not_to_send(
    job: Claimed, generation: int, digest: bytes | None, ends: datetime | None, now: datetime
) -> str | None:
    """The reason not to send a link, or None to send it."""
    if digest is None or generation != job.generation:
        return "Nothing was mailed: the link has been used, or a newer one was asked for."
    if ends is not None and ends <= now:
        return "Nothing was mailed: the link ended before its mail could go."
    return None


def _to_user(
    user: User | Signup,
    job: Claimed,
    now: datetime,
    *,
    link: Link | None,
    expires_at: datetime | None,
    **words: Any,
) -> OutgoingMail:
    return OutgoingMail(
        job=job,
        recipient=deliverable(user.email, user.email_key),
        recipient_key=user.email_key,
        message_id=job.id,
        words={"email": user.email, "expires_at": expires_at, **words},
        link=link,
        age=_age(job, now),
        left=expires_at - now if expires_at is not None else None,
        waited=now - job.created_at,
    )


def deliverable(email: str, email_key: str) -> str:
    """The address as mail servers accept it: local part as typed, domain in A-labels (RFC 5890)."""
    return f"{email.rpartition('@')[0]}@{email_key.rpartition('@')[2]}"


def _age(job: Claimed, now: datetime) -> timedelta:
    return now - job.first_tried_at


_NOW, _INVITATIONS = PreparedQuery(select(func.now())), _invitations_query()
