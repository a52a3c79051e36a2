"""Signing in and out: a session is a row, and what is not in the table is not signed in."""

from datetime import datetime, timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from shared.actor import Actor
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


def start(session: Session, *, actor: Actor, user: User, ttl: timedelta) -> tuple[str, datetime]:
    """Sign the user in: the token, which is shown this once, and when it ends."""
    token = draw()
    row = insert(UserSession).values(
        id=new_id("ses"), token_hash=sha256(token), user_id=user.id, expires_at=func.now() + ttl
    )
    expires_at = session.scalars(row.returning(UserSession.expires_at)).one()
    audit.record(session, actor, "user.signed_in", subject_id=user.id)
    return token, expires_at


def signed_in(session: Session, token: str) -> User | None:
    """The user whose live session this token opens."""
    query = select(User).join(UserSession, UserSession.user_id == User.id)
    return session.scalars(
        query.where(UserSession.token_hash == sha256(token), UserSession.expires_at > func.now())
    ).one_or_none()


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
