"""Signing in and out: a session is a row, and what is not in the table is not signed in."""

from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import bindparam, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from shared.actor import Actor
from shared.db import Asked, Question
from shared.errors import Unauthenticated
from shared.ids import new_id
from shared.models import User, UserSession
from shared.services import audit, passwords
from shared.tokens import draw, sha256


def find_user(session: Session, email_key: str) -> User | None:
    """The user of this address, if there is one."""
    return session.scalars(select(User).where(User.email_key == email_key)).one_or_none()


def check_password(user: User | None, password: str) -> User:
    """The user, if that is their password; a wrong address and a wrong password are answered alike, and as slowly."""
    if not passwords.matches(password, user.password_hash if user else None) or user is None:
        raise Unauthenticated(
            "The address or the password is wrong.",
            remedy="Check both, or ask for a link to set a new password.",
        )
    return user


def start(session: Session, *, actor: Actor, user_id: str, ttl: timedelta) -> tuple[str, datetime]:
    """Sign the user in: the token, which is shown this once, and when it ends."""
    token = draw()
    row = insert(UserSession).values(
        id=new_id("ses"), token_hash=sha256(token), user_id=user_id, expires_at=func.now() + ttl
    )
    expires_at = session.scalars(row.returning(UserSession.expires_at)).one()
    audit.record(session, actor, "user.signed_in", subject_id=user_id)
    return token, expires_at


class SignedIn(NamedTuple):
    """Whoever is signed in, as requests need them: cheap to read, since every request of a person reads one."""

    id: str
    email: str
    email_key: str
    email_verified_at: datetime | None
    name: str
    locale: str
    default_account_id: str | None


_SIGNED_IN = Question(
    select(*(getattr(User, name) for name in SignedIn._fields))
    .join(UserSession, UserSession.user_id == User.id)
    .where(UserSession.token_hash == bindparam("hash"), UserSession.expires_at > func.now())
)


def signed_in(asked: Asked, token: str) -> SignedIn | None:
    """The user whose live session this token opens."""
    rows = _SIGNED_IN.ask(asked, hash=sha256(token))
    return SignedIn(*rows[0]) if rows else None


def end(session: Session, *, token: str) -> None:
    """Sign out: the token opens nothing from now on."""
    session.execute(delete(UserSession).where(UserSession.token_hash == sha256(token)))


def of_user(session: Session, *, user_id: str, limit: int) -> list[UserSession]:
    """The user's live sessions, the newest first."""
    live = (UserSession.user_id == user_id, UserSession.expires_at > func.now())
    return list(session.scalars(select(UserSession).where(*live).order_by(UserSession.id.desc()).limit(limit)))


def end_one(session: Session, *, user_id: str, session_id: str) -> None:
    """Sign one of the user's browsers or programs out; one that is signed out already stays so."""
    session.execute(delete(UserSession).where(UserSession.user_id == user_id, UserSession.id == session_id))
