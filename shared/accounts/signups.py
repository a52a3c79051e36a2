"""Sign-ups: claims to an address, which can coexist until one of them is verified.

Access to the mailbox alone proves nothing about a sign-up, because anyone may have created it. So `prove` needs the
emailed link and, checked by its caller, the secret of that sign-up. The verified sign-up becomes the user of the
address. The others are deleted with their sessions.

No answer reveals if an address is known. A sign-up for an address with a verified user is recorded all the same, and
the email tells the mailbox owner that they already have a user.

Every decision about an address takes the lock of `serialize`, so that two verifications can't interleave.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Text, delete, func, literal, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from shared.actor import Actor
from shared.audit import log as audit_log
from shared.audit.events import Action
from shared.email_address import EmailAddress
from shared.errors import LinkDead, LinkInvalid
from shared.ids import new_id
from shared.jobs import queue
from shared.models import JobKind, Signup, SignupSession, User, UserSession
from shared.policy_context import PolicyContext
from shared.tokens import Purpose, derive, sha256

PROOF_TTL = timedelta(days=3)
KEPT = timedelta(days=7)
"""Period after which an unverified sign-up is deleted."""

BESIDE = 5
"""Maximum number of sign-ups kept per address.

Further sign-ups don't replace any of them, or a stranger could push out the owner's. The email for a further sign-up
links to the newest one kept, where the mailbox owner can choose their own password.
"""

Unproven = Signup | User
"""A sign-up. Those from releases before 0009 are `users` rows with an unverified address."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """Replacements for the password and name of a sign-up, chosen by the mailbox owner. None keeps the name."""

    password_hash: str
    name: str | None = None


def sign_up(
    session: Session,
    *,
    actor: Actor,
    policy: PolicyContext,
    address: EmailAddress,
    name: str,
    password_hash: str,
    locale: str,
    emails: bool = True,
) -> Signup:
    """Record a sign-up and enqueue the email that verifies its address, unless `emails` is False.

    The returned sign-up may have no row behind it. This hides from strangers how many sign-ups an address has.
    """
    serialize(session, address.key)
    kept = of_address(session, address.key)
    signup = Signup(
        id=new_id("usr"),
        email=address.shown,
        email_key=address.key,
        name=name,
        password_hash=password_hash,
        locale=locale,
        proof_generation=0,
    )
    if len(kept) < BESIDE:
        session.add(signup)
        session.flush()
        kept = [signup]
    audit_log.record(session, actor, Action.USER_SIGNED_UP, subject_id=signup.id)
    if emails:
        _mail(session, policy, kept[0])
    else:
        enqueue_dropped_email(session, address)
    return signup


def resend(session: Session, *, policy: PolicyContext, address: EmailAddress) -> None:
    """Enqueue an email with a new link for the newest sign-up of this address, if the address is unverified."""
    serialize(session, address.key)
    user = _user(session, address.key)
    newest = next(iter(of_address(session, address.key)), user)
    if newest is not None and (user is None or user.email_verified_at is None):
        _send_proof(session, policy, newest)
    else:
        enqueue_dropped_email(session, address)


def enqueue_dropped_email(session: Session, address: EmailAddress) -> None:
    """Enqueue a job that the worker drops. Without one the answer would be faster, and reveal that no email is due."""
    queue.enqueue(session, JobKind.VERIFICATION_MAIL, subject_id=new_id("usr"), lane=address.domain)


def resend_own(session: Session, *, policy: PolicyContext, signup_id: str) -> None:
    """Enqueue an email with a new link for this sign-up. No effect once its address is verified."""
    signup = session.get(Signup, signup_id) or session.get(User, signup_id)
    if signup is not None and signup.email_verified_at is None:
        serialize(session, signup.email_key)
        _mail(session, policy, signup)


def find(session: Session, *, token: str) -> Unproven:
    """The sign-up of this link, or the user that it became.

    Raises `LinkInvalid` or, for an expired link, `LinkDead`.
    """
    digest = sha256(token)
    found: Unproven | None = session.scalars(select(Signup).where(Signup.proof_hash == digest)).one_or_none()
    if found is None:
        found = session.scalars(select(User).where(User.proof_hash == digest)).one_or_none()
    if found is None:
        raise no_such_link()
    if found.email_verified_at is None:
        refuse_late(session, found.proof_expires_at, "Sign in and ask for a new link.")
    return found


def prove(session: Session, *, actor: Actor, token: str, keep: str = "", chosen: Chosen | None = None) -> User:
    """Make the sign-up of this link the user of its address.

    The caller has checked the sign-up's secret, or passes new values in `chosen`. Ends all sessions except the
    sign-up's own session with the token `keep`. Following the link again changes nothing. Raises the errors of `find`,
    and of `confirm`.
    """
    before = find(session, token=token)
    serialize(session, before.email_key)
    session.expire_all()
    found = find(session, token=token)
    if isinstance(found, User) and found.email_verified_at is not None:
        return found
    if chosen is not None:
        found.password_hash = chosen.password_hash
        found.name = chosen.name or found.name
        session.flush()
    user = confirm(session, found, keep=keep)
    audit_log.record(session, actor, Action.USER_ADDRESS_PROVEN, subject_id=user.id)
    return user


def confirm(session: Session, signup: Unproven, *, keep: str = "") -> User:
    """Make this sign-up the user of its address. Deletes other sign-ups, and all sessions except the one of `keep`.

    Raises `LinkDead` if the address already has a verified user.
    """
    serialize(session, signup.email_key)
    names = ("email", "name", "password_hash", "locale", "proof_generation", "proof_hash", "proof_expires_at")
    values = {name: getattr(signup, name) for name in names}
    user = _settle(session, signup.id, signup.email_key, values, keep)
    if user is None:
        raise LinkDead("link_expired", "This address is confirmed already.", remedy="Sign in, or reset your password.")
    return user


def create_proven(
    session: Session, *, address: EmailAddress, name: str, password_hash: str, locale: str
) -> User | None:
    """Create a user whose address is verified by other means. Deletes the sign-ups for the address.

    Returns None if the address already has a verified user.
    """
    serialize(session, address.key)
    values = {"email": address.shown, "name": name, "password_hash": password_hash, "locale": locale}
    return _settle(session, new_id("usr"), address.key, values, "")


def of_address(session: Session, email_key: str) -> list[Signup]:
    """Sign-ups for this address that have not expired, newest first."""
    query = select(Signup).where(Signup.email_key == email_key, Signup.created_at > func.now() - KEPT)
    return list(session.scalars(query.order_by(Signup.id.desc()).limit(BESIDE)))


def forget(session: Session, email_key: str) -> None:
    """Delete all sign-ups for this address with their sessions."""
    session.execute(delete(Signup).where(Signup.email_key == email_key), execution_options=_BLIND)


def serialize(session: Session, email_key: str) -> None:
    """Take the lock on decisions about this address, until the transaction ends."""
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"address:{email_key}", 0))))


def refuse_late(session: Session, deadline: object, remedy: str) -> None:
    """Raise `LinkDead` if the deadline has passed."""
    if session.scalar(select(func.now() >= deadline)):
        raise LinkDead("link_expired", "This link is too old. Nothing was changed.", remedy=remedy)


def no_such_link() -> LinkInvalid:
    """The error for an unknown link."""
    return LinkInvalid(
        "This link doesn't work. It may be incomplete, a newer email may have replaced it, or you have already "
        "confirmed this email with another link.",
        remedy="Sign in, or open the link in the newest email.",
    )


# ORM objects in the session are not refreshed: no code reads them after these statements.
_BLIND = {"synchronize_session": False}


def _mail(session: Session, policy: PolicyContext, signup: Unproven) -> None:
    owner = _user(session, signup.email_key)
    if owner is not None and owner.email_verified_at is not None:
        # Create a link that no one gets, so that every address takes the same work and time.
        _make_link(policy, signup)
        queue.enqueue(session, JobKind.SIGNUP_NOTICE_MAIL, subject_id=owner.id, lane=signup.address.domain)
    else:
        _send_proof(session, policy, signup)


def _make_link(policy: PolicyContext, signup: Unproven) -> None:
    signup.proof_generation += 1
    token = derive(policy.settings.secret_keys[0], Purpose.VERIFICATION, signup.id, signup.proof_generation)
    signup.proof_hash = sha256(token)
    signup.proof_expires_at = func.now() + PROOF_TTL


def _send_proof(session: Session, policy: PolicyContext, signup: Unproven) -> None:
    """Enqueue an email with a new link. The sign-up's previous link no longer works."""
    _make_link(policy, signup)
    queue.enqueue(
        session,
        JobKind.VERIFICATION_MAIL,
        subject_id=signup.id,
        generation=signup.proof_generation,
        lane=signup.address.domain,
    )


def _settle(session: Session, user_id: str, email_key: str, values: Mapping[str, object], keep: str) -> User | None:
    """Insert the user, or update an unverified row of an earlier release. None if the address has a verified user."""
    proven = {**values, "email_verified_at": func.now()}
    fresh = insert(User).values(id=user_id, email_key=email_key, **proven)
    links = {"reset_hash": None, "reset_expires_at": None}
    taken = fresh.on_conflict_do_update(
        index_elements=[User.email_key], set_={**proven, **links}, where=User.email_verified_at.is_(None)
    )
    user = session.scalars(taken.returning(User).execution_options(populate_existing=True)).one_or_none()
    if user is not None:
        digest = sha256(keep) if user.id == user_id else b""
        others = (UserSession.user_id == user.id, UserSession.token_hash != digest)
        session.execute(delete(UserSession).where(*others), execution_options=_BLIND)
        _keep_session(session, user_id=user.id, signup_id=user_id, digest=sha256(keep))
        forget(session, email_key)
    return user


def _keep_session(session: Session, *, user_id: str, signup_id: str, digest: bytes) -> None:
    """Move the session that verified the sign-up to its user."""
    kept = select(
        SignupSession.id,
        SignupSession.token_hash,
        literal(user_id, Text()),
        SignupSession.created_at,
        SignupSession.expires_at,
    ).where(SignupSession.signup_id == signup_id, SignupSession.token_hash == digest)
    columns = ["id", "token_hash", "user_id", "created_at", "expires_at"]
    session.execute(insert(UserSession).from_select(columns, kept))


def _user(session: Session, email_key: str) -> User | None:
    return session.scalars(select(User).where(User.email_key == email_key)).one_or_none()
