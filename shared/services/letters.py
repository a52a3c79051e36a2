"""What mails are made of: the rows' side of writing one.

Letters are read with one statement for all invitations of a round and one for all people, and hold what their
templates say. Whether they may still go is judged here as well: between promise and mail an invitation may have been
revoked, accepted, or sent again with a newer link, its role changed, or its address found to be nobody's.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from shared.db import Question
from shared.models import Account, Invitation, Job, JobKind, Signup, Status, User
from shared.models.columns import listed
from shared.permissions import Role, in_words
from shared.services import api_keys, inviters, suppressions
from shared.services.inviters import Answering
from shared.services.jobs import Claimed
from shared.tokens import Purpose

MAIL_KINDS = frozenset(JobKind) - {JobKind.INVITATION_CHECK}
_TO_PEOPLE = MAIL_KINDS - {JobKind.INVITATION_MAIL, JobKind.NEW_LINK_MAIL}
_RIGHTS = {role: in_words(role) for role in Role}


class _Offer(NamedTuple):
    """What a mail says of an invitation, and by what it is judged whether it may still go."""

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
    asked_at: datetime | None


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
class Moot:
    """A mail that nobody needs any more, and why."""

    job: Claimed
    why: str


@dataclass(frozen=True, slots=True)
class Suppressed:
    """A mail to an address that nobody has, as a mail server said before."""

    job: Claimed
    why: str


def load(session: Session, claimed: Collection[Claimed]) -> list[Letter | Moot | Suppressed]:
    """The letters of these jobs, in their order, and those that may not go any more."""
    ((now,),) = _NOW.ask(session)
    offers = _offers(session, _subjects(claimed, JobKind.INVITATION_MAIL))
    requests = inviters.answering(session, _subjects(claimed, JobKind.NEW_LINK_MAIL))
    people = _people(session, _subjects(claimed, *_TO_PEOPLE))
    keys = api_keys.live_by_creator(session, _subjects(claimed, JobKind.PASSWORD_RESET_MAIL))

    def letter(job: Claimed) -> Letter | Moot:
        if job.kind == JobKind.INVITATION_MAIL:
            return _of_invitation(job, offers.get(job.subject_id), now)
        if job.kind == JobKind.NEW_LINK_MAIL:
            return _of_request(job, requests.get(job.subject_id), now)
        return _of_person(job, people.get(job.subject_id), keys.get(job.subject_id, 0), now)

    return _without_suppressed(session, [letter(job) for job in claimed])


def _subjects(claimed: Collection[Claimed], *kinds: JobKind) -> list[str]:
    return [job.subject_id for job in claimed if job.kind in kinds]


def _without_suppressed(session: Session, letters: Sequence[Letter | Moot]) -> list[Letter | Moot | Suppressed]:
    told = suppressions.among(session, {each.recipient_key for each in letters if isinstance(each, Letter)})
    return [
        Suppressed(each.job, f"Nothing was mailed, because of what came of an earlier mail. {told[each.recipient_key]}")
        if isinstance(each, Letter) and each.recipient_key in told
        else each
        for each in letters
    ]


def _offers(session: Session, ids: list[str]) -> dict[str, _Offer]:
    offers = map(_Offer._make, _OFFERS.ask(session, ids=",".join(ids))) if ids else ()
    return {offer.id: offer for offer in offers}


def _question_of_offers() -> Question:
    check = aliased(Job)
    asked_at = select(func.min(check.created_at)).where(
        check.subject_id == Invitation.id, check.generation == Invitation.generation
    )
    own = (getattr(Invitation, name) for name in _Offer._fields[: _Offer._fields.index("account")])
    query = select(*own, Account.name, User.name, User.email, asked_at.scalar_subquery())
    query = query.join(Account, Account.id == Invitation.account_id).join(User, User.id == Invitation.invited_by)
    return Question(query.where(Invitation.id == func.any(listed("ids"))))


def _people(session: Session, ids: list[str]) -> dict[str, User | Signup]:
    """The users of these ids, and the sign-ups that are no users yet."""
    found: dict[str, User | Signup] = {}
    if ids:
        found |= {signup.id: signup for signup in session.scalars(select(Signup).where(Signup.id.in_(ids)))}
        found |= {user.id: user for user in session.scalars(select(User).where(User.id.in_(ids)))}
    return found


def _of_invitation(job: Claimed, offer: _Offer | None, now: datetime) -> Letter | Moot:
    if offer is None:
        return Moot(job, "The invitation is gone.")
    if offer.status != Status.PENDING:
        return Moot(job, f"Nothing was mailed: the invitation was {offer.status} before its mail could go.")
    if offer.generation != job.generation:
        return Moot(job, "Nothing was mailed: the invitation was sent again with a newer link.")
    if offer.expires_at <= now:
        return Moot(job, "Nothing was mailed: the invitation expired before its mail could go.")
    role = Role(offer.role)
    return Letter(
        job=job,
        recipient=deliverable(offer.email, offer.email_key),
        recipient_key=offer.email_key,
        message_id=f"{offer.id}.{offer.generation}",
        words={
            "account": offer.account,
            "inviter": offer.inviter,
            "inviter_email": offer.inviter_email,
            "role": role.replace("_", " "),
            "rights": _RIGHTS[role],
            "message": offer.message,
            "expires_at": offer.expires_at,
        },
        link=Link(Purpose.INVITATION, offer.id, offer.generation, offer.link_hash),
        age=_age(job, now),
        left=offer.expires_at - now,
        waited=now - (offer.asked_at or job.created_at),
    )


def _of_request(job: Claimed, row: Answering | None, now: datetime) -> Letter | Moot:
    if row is None:
        return Moot(job, "The invitation is gone.")
    invitation = row.invitation
    if invitation.status == Status.ACCEPTED:
        return Moot(job, "Nothing was mailed: the invitation was accepted meanwhile.")
    if invitation.generation != job.generation:
        return Moot(job, "Nothing was mailed: the invitation was sent again meanwhile.")
    words = {
        "account": row.account.name,
        "account_id": row.account.id,
        "invitee": invitation.email,
        "inviter": None if row.is_inviter else row.inviter.name,
        "role": invitation.role.replace("_", " "),
        "status": invitation.status,
    }
    return _to(row.person, job, now, link=None, expires_at=None, name=row.person.name, **words)


def _of_person(job: Claimed, person: User | Signup | None, keys: int, now: datetime) -> Letter | Moot:
    if person is None:
        return Moot(job, "The person is gone.")
    if job.kind == JobKind.VERIFICATION_MAIL:
        return _of_signup(job, person, now)
    if isinstance(person, Signup):
        return Moot(job, "The address is not proven yet.")
    name = {"name": person.name}
    if job.kind == JobKind.SIGNUP_NOTICE_MAIL:
        return _to(person, job, now, link=None, expires_at=None, **name)
    moot = _moot(job, person.reset_generation, person.reset_hash, person.reset_expires_at, now)
    if moot is not None or person.reset_hash is None:
        return Moot(job, moot or "")
    link = Link(Purpose.PASSWORD_RESET, person.id, person.reset_generation, person.reset_hash)
    return _to(person, job, now, link=link, expires_at=person.reset_expires_at, api_keys=keys, **name)


def _of_signup(job: Claimed, signup: User | Signup, now: datetime) -> Letter | Moot:
    """It holds no word of the sign-up's but the address: whose mailbox this is has proven nothing yet."""
    if signup.email_verified_at is not None:
        return Moot(job, "Nothing was mailed: the address is proven.")
    moot = _moot(job, signup.proof_generation, signup.proof_hash, signup.proof_expires_at, now)
    if moot is not None or signup.proof_hash is None:
        return Moot(job, moot or "")
    link = Link(Purpose.VERIFICATION, signup.id, signup.proof_generation, signup.proof_hash)
    return _to(signup, job, now, link=link, expires_at=signup.proof_expires_at)


def _moot(job: Claimed, generation: int, digest: bytes | None, ends: datetime | None, now: datetime) -> str | None:
    """Why a link needs no email any more; None while it does."""
    if digest is None or generation != job.generation:
        return "Nothing was mailed: the link has been used, or a newer one was asked for."
    if ends is not None and ends <= now:
        return "Nothing was mailed: the link ended before its mail could go."
    return None


def _to(
    user: User | Signup,
    job: Claimed,
    now: datetime,
    *,
    link: Link | None,
    expires_at: datetime | None,
    **words: Any,
) -> Letter:
    return Letter(
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
    """The address as a mail server takes it: the local part as it was typed, the domain in A-labels."""
    return f"{email.rpartition('@')[0]}@{email_key.rpartition('@')[2]}"


def _age(job: Claimed, now: datetime) -> timedelta:
    return now - job.first_tried_at


_NOW, _OFFERS = Question(select(func.now())), _question_of_offers()
