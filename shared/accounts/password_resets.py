"""Password resets: the emailed link and the new password."""

from datetime import timedelta

from sqlalchemy import func
from sqlalchemy.orm import Session

from shared.accounts import signups
from shared.accounts.email_links import find_locked
from shared.accounts.sessions import end_sessions
from shared.actor import Actor
from shared.audit import log as audit_log
from shared.audit.events import Action
from shared.email_address import EmailAddress
from shared.jobs import queue
from shared.models import JobKind, User
from shared.policy_context import PolicyContext
from shared.tokens import Purpose, derive, sha256

RESET_TTL = timedelta(hours=1)


def request_reset(session: Session, *, actor: Actor, policy: PolicyContext, address: EmailAddress) -> None:
    """Enqueue an email with a link to set a new password, if the address has a user.

    For an unverified address, the email verifies the sign-up instead, and its reader can choose a password.
    """
    user = find_locked(session, User.email_key == address.key)
    if user is None or user.email_verified_at is None:
        signups.resend(session, policy=policy, address=address)
        return
    user.reset_generation += 1
    token = derive(policy.settings.secret_keys[0], Purpose.PASSWORD_RESET, user.id, user.reset_generation)
    user.reset_hash = sha256(token)
    user.reset_expires_at = func.now() + RESET_TTL
    queue.enqueue(
        session,
        JobKind.PASSWORD_RESET_MAIL,
        subject_id=user.id,
        generation=user.reset_generation,
        lane=user.address.domain,
    )
    audit_log.record(session, actor, Action.USER_PASSWORD_RESET_REQUESTED, subject_id=user.id)


def find_reset(session: Session, *, token: str) -> User:
    """The user of this reset link. Raises `LinkInvalid` for an unknown or used link, `LinkDead` for an expired one."""
    user = find_locked(session, User.reset_hash == sha256(token))
    if user is None:
        raise signups.no_such_link()
    signups.refuse_late(session, user.reset_expires_at, "Ask for a new link to set your password.")
    return user


def reset_password(session: Session, *, actor: Actor, token: str, password_hash: str) -> User:
    """Set a new password, use up the link and end all sessions. Also verifies the address, because the link was
    emailed.

    Raises the errors of `find_reset`.
    """
    user = find_reset(session, token=token)
    user.password_hash = password_hash
    user.reset_hash = user.reset_expires_at = None
    user.email_verified_at = user.email_verified_at or func.now()
    signups.forget(session, user.email_key)
    end_sessions(session, user_id=user.id)
    audit_log.record(session, actor, Action.USER_PASSWORD_RESET, subject_id=user.id)
    return user
