"""Sign-in and sign-out. Each session is a row, and a token without a row is not signed in."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple, TypeVar

from sqlalchemy import bindparam, delete, func, null, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import InstrumentedAttribute, Session

from shared.accounts import passwords, signups
from shared.actor import Actor
from shared.audit import log as audit_log
from shared.audit.events import Action
from shared.db.autocommit import SessionOrConnection
from shared.db.prepared import PreparedQuery
from shared.errors import Unauthenticated
from shared.ids import new_id
from shared.models import Signup, SignupSession, User, UserSession
from shared.tokens import draw, sha256

Person = TypeVar("Person", bound=User | Signup)


def find_user(session: Session, email_key: str) -> User | None:
    """The user with this canonical address, or None."""
    return session.scalars(select(User).where(User.email_key == email_key)).one_or_none()


def of_address(session: Session, email_key: str) -> list[User | Signup]:
    """Everyone who can sign in with this address: its user, then its unverified sign-ups, newest first."""
    user = find_user(session, email_key)
    return [*([user] if user else []), *signups.of_address(session, email_key)]


def check_password(people: Sequence[Person], password: str) -> Person:
    """The person with this password. Raises `Unauthenticated` otherwise.

    The error and the response time don't reveal if the address or the password is wrong.
    """
    for person in people:
        if passwords.verify_password(password, person.password_hash):
            return person
    if not people:
        passwords.verify_password(password, None)
    raise Unauthenticated(
        "The address or the password is wrong.",
        remedy="Check both, or ask for a link to set a new password.",
    )


def start(session: Session, *, actor: Actor, user_id: str, ttl: timedelta) -> tuple[str, datetime]:
    """Sign the user in. Returns the token, which is shown only once, and its expiry."""
    return _start(session, actor, UserSession, ttl, user_id=user_id)


def start_unproven(session: Session, *, actor: Actor, user_id: str, ttl: timedelta) -> tuple[str, datetime]:
    """Sign in an unverified sign-up. `user_id` is the id of the sign-up, which its user will keep."""
    return _start(session, actor, SignupSession, ttl, signup_id=user_id)


class SignedIn(NamedTuple):
    """The signed-in person, with the fields that every request reads. Cheaper than an ORM row."""

    id: str
    email: str
    email_key: str
    email_verified_at: datetime | None
    name: str
    locale: str
    default_account_id: str | None


_SIGNED_IN = PreparedQuery(
    select(*(getattr(User, name) for name in SignedIn._fields))
    .join(UserSession, UserSession.user_id == User.id)
    .where(UserSession.token_hash == bindparam("hash"), UserSession.expires_at > func.now())
)


# Sessions of sign-ups are rare, so the query runs only without a user session.
_SIGNED_UP = PreparedQuery(
    select(Signup.id, Signup.email, Signup.email_key, null(), Signup.name, Signup.locale, null())
    .join(SignupSession, SignupSession.signup_id == Signup.id)
    .where(SignupSession.token_hash == bindparam("hash"), SignupSession.expires_at > func.now())
)


def find_signed_in(connection: SessionOrConnection, token: str) -> SignedIn | None:
    """The user or unverified sign-up with a live session for this token, or None."""
    digest = sha256(token)
    rows = _SIGNED_IN.fetch(connection, hash=digest) or _SIGNED_UP.fetch(connection, hash=digest)
    return SignedIn(*rows[0]) if rows else None


def end(session: Session, *, token: str) -> None:
    """Sign out. The token no longer works."""
    for model in (UserSession, SignupSession):
        session.execute(delete(model).where(model.token_hash == sha256(token)))


def end_others(session: Session, *, user_id: str, keep: str) -> None:
    """End all sessions of this person except the one of the token `keep`."""
    for model, whose in _WHOSE.items():
        session.execute(delete(model).where(whose == user_id, model.token_hash != sha256(keep)))


def list_sessions(session: Session, *, user_id: str, limit: int) -> list[UserSession | SignupSession]:
    """The person's live sessions, newest first."""
    found: list[UserSession | SignupSession] = []
    for model, whose in _WHOSE.items():
        live = select(model).where(whose == user_id, model.expires_at > func.now())
        found += session.scalars(live.order_by(model.id.desc()).limit(limit))
    return found


def end_one(session: Session, *, user_id: str, session_id: str) -> None:
    """End one session of this person. No effect if it has already ended."""
    for model, whose in _WHOSE.items():
        session.execute(delete(model).where(whose == user_id, model.id == session_id))


_WHOSE: Mapping[type[UserSession] | type[SignupSession], InstrumentedAttribute[str]] = {
    UserSession: UserSession.user_id,
    SignupSession: SignupSession.signup_id,
}


def _start(
    session: Session,
    actor: Actor,
    model: type[UserSession] | type[SignupSession],
    ttl: timedelta,
    **whose: str,
) -> tuple[str, datetime]:
    token = draw()
    row = insert(model).values(id=new_id("ses"), token_hash=sha256(token), expires_at=func.now() + ttl, **whose)
    expires_at = session.scalars(row.returning(model.expires_at)).one()
    audit_log.record(session, actor, Action.USER_SIGNED_IN, subject_id=next(iter(whose.values())))
    return token, expires_at


def end_sessions(session: Session, *, user_id: str) -> None:
    """End all sessions of this user."""
    session.execute(delete(UserSession).where(UserSession.user_id == user_id))
