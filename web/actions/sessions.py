"""Sign in and out."""

from datetime import datetime
from typing import NamedTuple

from shared.accounts import accounts, failed_sign_ins, sessions
from shared.email_address import BadAddress, folded, parse
from shared.errors import Unauthenticated
from shared.limits import rate_limits
from shared.models import Account, Signup, User
from web.auth import attempt_limits, guess_limits, identity, known_devices
from web.auth.guards import actor
from web.context import app_context
from web.database import transaction


class SignedIn(NamedTuple):
    """A session that was just started: its user, token and end, and the account to show first."""

    user: User | Signup
    token: str
    expires_at: datetime
    landing: Account | None


def open_session(email: str, password: str) -> SignedIn:
    """Sign in with address and password.

    Attempts are limited by address and by caller. Raises `Unauthenticated` or `TooSoon`.
    """
    try:
        key = parse(email).key
    except BadAddress:
        key = ""
    with transaction() as session:
        people = sessions.of_address(session, key)
        usual = failed_sign_ins.usual_origins(session, email_key=key)
    place = _place(people, usual)
    buckets = guess_limits.on_account(folded(key), place), guess_limits.from_caller(attempt_limits.client_key())
    # No connection is held during the password check, which takes longer than everything else.
    try:
        who = guess_limits.tried(
            lambda: sessions.check_password(people, password), *buckets, origin=identity.client_address(), address=key
        )
    except Unauthenticated:
        _record_failure(key)
        raise
    start = sessions.start if isinstance(who, User) else sessions.start_unproven
    with transaction() as session:
        token, expires_at = start(session, actor=actor(), user_id=who.id, ttl=app_context().settings.session_ttl)
        if place:
            rate_limits.clear(session, buckets[0][0])
        return SignedIn(who, token, expires_at, accounts.landing_account(session, who))


def _place(people: list[User | Signup], usual: set[str]) -> str:
    """Return what identifies the address's owner here: their browser or their network; empty for strangers."""
    for person in people:
        if person.email_verified_at is not None and known_devices.is_known(person.id):
            return "device"
    network = attempt_limits.client_key()
    return network if network and network in {guess_limits.network_of(origin) for origin in usual} else ""


def _record_failure(email_key: str) -> None:
    if email_key:
        with transaction() as session:
            failed_sign_ins.record(session, email_key=email_key, origin=identity.client_address())


def close_session() -> None:
    """End the caller's session, if there is one."""
    with transaction() as session:
        sessions.end(session, token=identity.credential().token)
