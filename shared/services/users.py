"""A person's own set-up: signing up, proving the address, a forgotten password.

No answer tells a stranger whether an address is known: a second sign-up is answered like the first, and its owner is
told by mail. Until an address is proven, the newest sign-up for it counts, so that nobody can reserve another's.
"""

from datetime import timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from shared.actor import Actor
from shared.email_address import EmailAddress
from shared.errors import LinkDead, LinkInvalid, NotFound
from shared.ids import new_id
from shared.models import JobKind, User, UserSession
from shared.services import audit, jobs, memberships
from shared.services.rules import Rules
from shared.tokens import Purpose, derive, sha256

PROOF_TTL = timedelta(days=3)
RESET_TTL = timedelta(hours=1)


def sign_up(
    session: Session, *, actor: Actor, rules: Rules, address: EmailAddress, name: str, password_hash: str, locale: str
) -> User:
    """Make a user whose address is still to be proven, and promise the mail that proves it.

    The row that is returned is only a likeness where the address has a proven owner: that one is told by mail instead.
    """
    user = claim_address(session, address=address, name=name, password_hash=password_hash, locale=locale)
    if user is None:
        owner = session.scalars(select(User).where(User.email_key == address.key)).one()
        jobs.promise(session, JobKind.SIGNUP_NOTICE_MAIL, subject_id=owner.id, lane=address.domain)
        return _likeness(address, name, locale)
    audit.record(session, actor, "user.signed_up", subject_id=user.id)
    send_proof(session, rules=rules, user=user)
    return user


def claim_address(
    session: Session, *, address: EmailAddress, name: str, password_hash: str, locale: str
) -> User | None:
    """Make the user of this address, or make an unproven one anew; None where somebody has proven it."""
    said = {"email": address.shown, "name": name, "password_hash": password_hash, "locale": locale}
    fresh = insert(User).values(id=new_id("usr"), email_key=address.key, **said)
    claimed = fresh.on_conflict_do_update(
        index_elements=[User.email_key], set_=said, where=User.email_verified_at.is_(None)
    )
    user = session.scalars(claimed.returning(User).execution_options(populate_existing=True)).one_or_none()
    if user is not None:
        end_sessions(session, user_id=user.id)
    return user


def send_proof(session: Session, *, rules: Rules, user: User) -> None:
    """Promise a mail with a fresh link that proves the address; the link before it is dead from now on."""
    user.proof_generation += 1
    user.proof_hash = _link_hash(rules, Purpose.VERIFICATION, user.id, user.proof_generation)
    user.proof_expires_at = func.now() + PROOF_TTL
    jobs.promise(
        session,
        JobKind.VERIFICATION_MAIL,
        subject_id=user.id,
        generation=user.proof_generation,
        lane=user.address.domain,
    )


def resend_proof(session: Session, *, rules: Rules, address: EmailAddress) -> None:
    """Send the proving link anew, where there is a user who still needs one."""
    user = _locked(session, User.email_key == address.key)
    if user is not None and user.email_verified_at is None:
        send_proof(session, rules=rules, user=user)


def prove(session: Session, *, actor: Actor, token: str) -> User:
    """Take the address as proven; following the link again changes nothing and is no error."""
    user = _locked(session, User.proof_hash == sha256(token))
    if user is None:
        raise _no_such_link()
    if user.email_verified_at is None:
        _refuse_late(session, user.proof_expires_at, "Sign in and ask for a new link.")
        user.email_verified_at = func.now()
        audit.record(session, actor, "user.address_proven", subject_id=user.id)
        session.flush()
    return user


def request_reset(session: Session, *, actor: Actor, rules: Rules, address: EmailAddress) -> None:
    """Promise a mail with a link that sets a new password, where there is a user to mail it to."""
    user = _locked(session, User.email_key == address.key)
    if user is None:
        return
    user.reset_generation += 1
    user.reset_hash = _link_hash(rules, Purpose.PASSWORD_RESET, user.id, user.reset_generation)
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
        raise _no_such_link()
    _refuse_late(session, user.reset_expires_at, "Ask for a new link to set your password.")
    return user


def reset_password(session: Session, *, actor: Actor, token: str, password_hash: str) -> User:
    """Set a new password, spend the link and end every sign-in; the link came by mail, so it proves the address too."""
    user = find_reset(session, token=token)
    user.password_hash = password_hash
    user.reset_hash = user.reset_expires_at = None
    user.email_verified_at = user.email_verified_at or func.now()
    end_sessions(session, user_id=user.id)
    audit.record(session, actor, "user.password_reset", subject_id=user.id)
    return user


def end_sessions(session: Session, *, user_id: str) -> None:
    """End every sign-in of this user at once."""
    session.execute(delete(UserSession).where(UserSession.user_id == user_id))


def change_profile(session: Session, *, actor: Actor, user_id: str, changes: dict[str, str | None]) -> User:
    """Change what a person says of themselves: `name`, `locale`, `default_account_id` (one of their own, or None)."""
    landing = changes.get("default_account_id")
    if landing is not None and memberships.place(session, account_id=landing, user_id=user_id) is None:
        raise NotFound("You don't belong to that account. Nothing was changed.", remedy="Choose one of your own.")
    user = session.get_one(User, user_id)
    # The default may be None; what else was left empty stays as it is.
    for field, value in changes.items():
        if value is not None or field == "default_account_id":
            setattr(user, field, value)
    audit.record(session, actor, "user.changed", subject_id=user.id, fields=sorted(changes))
    return user


def _locked(session: Session, which: object) -> User | None:
    return session.scalars(select(User).where(which).with_for_update()).one_or_none()  # type: ignore[arg-type]


def _link_hash(rules: Rules, purpose: Purpose, user_id: str, generation: int) -> bytes:
    return sha256(derive(rules.settings.secret_keys[0], purpose, user_id, generation))


def _refuse_late(session: Session, deadline: object, remedy: str) -> None:
    if session.scalar(select(func.now() >= deadline)):
        raise LinkDead("link_expired", "This link is too old. Nothing was changed.", remedy=remedy)


def _no_such_link() -> LinkInvalid:
    return LinkInvalid(
        "This link is not known here; perhaps a newer mail has replaced it, or part of it was cut off.",
        remedy="Open the link of the newest mail, whole.",
    )


def _likeness(address: EmailAddress, name: str, locale: str) -> User:
    return User(id=new_id("usr"), email=address.shown, email_key=address.key, name=name, locale=locale)
