"""Signing in and out: a session is a row, and what is not in the table is not signed in."""

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
    """The user of this address, if there is one."""
    return session.scalars(select(User).where(User.email_key == email_key)).one_or_none()


def of_address(session: Session, email_key: str) -> list[User | Signup]:
    """Who may sign in with this address: its user, and the sign-ups that are not proven yet, the newest first."""
    user = find_user(session, email_key)
    return [*([user] if user else []), *signups.of_address(session, email_key)]


def check_password(people: Sequence[Person], password: str) -> Person:
    """The one whose password it is; a wrong address and a wrong password are answered alike, and as slowly."""
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
    """Sign the user in: the token, which is shown this once, and when it ends."""
    return _start(session, actor, UserSession, ttl, user_id=user_id)


def start_unproven(session: Session, *, actor: Actor, user_id: str, ttl: timedelta) -> tuple[str, datetime]:
    """The same for a sign-up whose address is still to be proven: `user_id` is the id that its user will have."""
    return _start(session, actor, SignupSession, ttl, signup_id=user_id)


class SignedIn(NamedTuple):
    """Whoever is signed in, as requests need them: cheap to read, since every request of a person reads one."""

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


# A session of a sign-up is seldom, and looked for only where there is none of a user.
_SIGNED_UP = PreparedQuery(
    select(Signup.id, Signup.email, Signup.email_key, null(), Signup.name, Signup.locale, null())
    .join(SignupSession, SignupSession.signup_id == Signup.id)
    .where(SignupSession.token_hash == bindparam("hash"), SignupSession.expires_at > func.now())
)


def find_signed_in(connection: SessionOrConnection, token: str) -> SignedIn | None:
    """The user whose live session this token opens, or the sign-up that is still to be proven."""
    digest = sha256(token)
    rows = _SIGNED_IN.fetch(connection, hash=digest) or _SIGNED_UP.fetch(connection, hash=digest)
    return SignedIn(*rows[0]) if rows else None


def end(session: Session, *, token: str) -> None:
    """Sign out: the token opens nothing from now on."""
    for model in (UserSession, SignupSession):
        session.execute(delete(model).where(model.token_hash == sha256(token)))


def end_others(session: Session, *, user_id: str, keep: str) -> None:
    """Sign the person out everywhere but where the token `keep` is used."""
    for model, whose in _WHOSE.items():
        session.execute(delete(model).where(whose == user_id, model.token_hash != sha256(keep)))


def list_sessions(session: Session, *, user_id: str, limit: int) -> list[UserSession | SignupSession]:
    """The person's live sessions, the newest first."""
    found: list[UserSession | SignupSession] = []
    for model, whose in _WHOSE.items():
        live = select(model).where(whose == user_id, model.expires_at > func.now())
        found += session.scalars(live.order_by(model.id.desc()).limit(limit))
    return found


def end_one(session: Session, *, user_id: str, session_id: str) -> None:
    """Sign one of the person's browsers or programs out; one that is signed out already stays so."""
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
    """End every sign-in of this user at once."""
    session.execute(delete(UserSession).where(UserSession.user_id == user_id))
