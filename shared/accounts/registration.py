"""Password changes by the signed-in user. For signing up see `signups`, for forgotten passwords `password_resets`."""

from sqlalchemy import update
from sqlalchemy.orm import Session

from shared.accounts import sessions
from shared.actor import Actor
from shared.audit import log as audit_log
from shared.audit.events import Action
from shared.models import Signup, User


def change_password(session: Session, *, actor: Actor, user_id: str, password_hash: str, keep: str) -> None:
    """Set a new password and end all sessions except the one of the token `keep`.

    The caller has checked the old password.
    """
    model = User if session.get(User, user_id) else Signup
    session.execute(update(model).where(model.id == user_id).values(password_hash=password_hash))
    sessions.end_others(session, user_id=user_id, keep=keep)
    audit_log.record(session, actor, Action.USER_PASSWORD_CHANGED, subject_id=user_id)
