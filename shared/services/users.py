"""A person's own set-up: a forgotten password, a new one, what they say of themselves. Signing up is in `signups`.

No answer tells a stranger whether an address is known.
"""

from datetime import timedelta

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from shared.actor import Actor
from shared.email_address import EmailAddress
from shared.errors import NotFound
from shared.models import JobKind, Signup, User, UserSession
from shared.services import audit, jobs, memberships, sessions, signups
from shared.services.rules import Rules
from shared.tokens import Purpose, derive, sha256

RESET_TTL = timedelta(hours=1)


def request_reset(session: Session, *, actor: Actor, rules: Rules, address: EmailAddress) -> None:
    """Enqueue an email with a link that sets a new password, where there is a user to send it to.

    For an address that nobody has proven the email proves a sign-up, where the mailbox's owner can choose a password.
    """
    user = _locked(session, User.email_key == address.key)
    if user is None or user.email_verified_at is None:
        signups.resend(session, rules=rules, address=address)
        return
    user.reset_generation += 1
    token = derive(rules.settings.secret_keys[0], Purpose.PASSWORD_RESET, user.id, user.reset_generation)
    user.reset_hash = sha256(token)
    user.reset_expires_at = func.now() + RESET_TTL
    jobs.promise(
        session,
        JobKind.PASSWORD_RESET_MAIL,
        subject_id=user.id,
        generation=user.reset_generation,
        lane=user.address.domain,
    )
    audit.record(session, actor, "user.password_reset_requested", subject_id=user.id)


def find_reset(session: Session, *, token: str) -> User:
    """The user whose password this link sets; raises what a spent or late link deserves."""
    user = _locked(session, User.reset_hash == sha256(token))
    if user is None:
        raise signups.no_such_link()
    signups.refuse_late(session, user.reset_expires_at, "Ask for a new link to set your password.")
    return user


def reset_password(session: Session, *, actor: Actor, token: str, password_hash: str) -> User:
    """Set a new password, spend the link and end every sign-in; the link came by mail, so it proves the address too."""
    user = find_reset(session, token=token)
    user.password_hash = password_hash
    user.reset_hash = user.reset_expires_at = None
    user.email_verified_at = user.email_verified_at or func.now()
    signups.forget(session, user.email_key)
    end_sessions(session, user_id=user.id)
    audit.record(session, actor, "user.password_reset", subject_id=user.id)
    return user


def change_password(session: Session, *, actor: Actor, user_id: str, password_hash: str, keep: str) -> None:
    """Set a new password and end every session but that of the token `keep`; the caller has checked the old one."""
    model = User if session.get(User, user_id) else Signup
    session.execute(update(model).where(model.id == user_id).values(password_hash=password_hash))
    sessions.end_others(session, user_id=user_id, keep=keep)
    audit.record(session, actor, "user.password_changed", subject_id=user_id)


def end_sessions(session: Session, *, user_id: str) -> None:
    """End every sign-in of this user at once."""
    session.execute(delete(UserSession).where(UserSession.user_id == user_id))


def change_profile(session: Session, *, actor: Actor, user_id: str, changes: dict[str, str | None]) -> User | Signup:
    """Change what a person says of themselves: `name`, `locale`, `default_account_id` (one of their own, or None)."""
    landing = changes.get("default_account_id")
    if landing is not None and memberships.place(session, account_id=landing, user_id=user_id) is None:
        raise NotFound("You don't belong to that account. Nothing was changed.", remedy="Choose one of your own.")
    person = session.get(User, user_id) or session.get_one(Signup, user_id)
    # The default may be None; what else was left empty stays as it is.
    for field, value in changes.items():
        if value is not None or (field == "default_account_id" and isinstance(person, User)):
            setattr(person, field, value)
    audit.record(session, actor, "user.changed", subject_id=person.id, fields=sorted(changes))
    return person


def _locked(session: Session, which: object) -> User | None:
    return session.scalars(select(User).where(which).with_for_update()).one_or_none()  # type: ignore[arg-type]
