"""Reset or change a password."""

from shared.accounts import api_keys, password_policy, password_resets, registration, sessions, signups
from shared.errors import Invalid, Unauthenticated
from shared.models import ApiKey, Signup, User
from shared.team import changes
from web.actions.registration import address_of
from web.auth import attempt_limits, identity
from web.auth.attempt_limits import EmailKind
from web.auth.constant_time import even_time
from web.auth.guards import actor
from web.context import app_context
from web.database import transaction
from web.schemas.users import ChangePasswordBody, NewPasswordBody


def email_reset(email: str) -> None:
    """Enqueue an email with a link to set a new password, if a user has this address. Raises `TooSoon` beyond the
    limits."""
    address = address_of(email)
    with even_time():
        emails = attempt_limits.count_email(EmailKind.RESET, address)
        with transaction() as session:
            if emails:
                password_resets.request_reset(session, actor=actor(), policy=app_context().policy, address=address)
            else:
                signups.enqueue_dropped_email(session, address)


def keys_behind(token: str) -> list[tuple[ApiKey, str]]:
    """List the API keys of the user whose password this link resets, each with its account's name."""
    with transaction() as session:
        user = password_resets.find_reset(session, token=token)
        return api_keys.of_creator(session, created_by=user.id)


def set_password(body: NewPasswordBody) -> tuple[User, list[tuple[ApiKey, str]]]:
    """Set a new password with the token of the emailed link.

    Returns the user, and their API keys that remain valid. The slow hash is computed only for a valid link.
    """
    with transaction() as session:
        user = password_resets.find_reset(session, token=body.token)
    digest = password_policy.chosen(body.password, about=(user.name, user.email_key), settings=app_context().settings)
    with transaction() as session:
        user = password_resets.reset_password(session, actor=actor(), token=body.token, password_hash=digest)
        if body.revoke_api_keys:
            changes.revoke_of_creator(session, actor=actor(), created_by=user.id)
        return user, api_keys.of_creator(session, created_by=user.id)


def change_password(body: ChangePasswordBody) -> None:
    """Change the signed-in user's password. Attempts at the current one are limited."""
    me = identity.user()
    with transaction() as session:
        person = session.get(User, me.id) or session.get(Signup, me.id)
    try:
        attempt_limits.limited_password_check(
            lambda: sessions.check_password([person] if person else [], body.current), "me", me.id
        )
    except Unauthenticated:
        # Not a 401: the caller is signed in, and a program would think that the session has ended.
        raise Invalid([("current", "This is not your current password.")]) from None
    digest = password_policy.chosen(
        body.new, about=(me.name, me.email_key), settings=app_context().settings, field="new"
    )
    with transaction() as session:
        registration.change_password(
            session, actor=actor(), user_id=me.id, password_hash=digest, keep=identity.credential().token
        )
