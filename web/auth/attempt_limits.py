"""How often strangers may try what costs us or others something: a count in the database, by what and by whom.

Addresses count by their folded form, so that tags and dots give nobody a fresh count, and callers by their network.
"""

import hashlib
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from shared.email_address import EmailAddress, folded
from shared.limits import rate_limits
from web.auth import guess_limits, identity
from web.database import apart

Person = TypeVar("Person")

_LIMITS = {
    # Emails that one caller can have sent to one mailbox.
    "mail": (5, timedelta(minutes=15)),
    # Emails that all callers together can have sent to one mailbox.
    "mailbox": (10, timedelta(hours=1)),
    "mailbox_daily": (30, timedelta(days=1)),
    # New links that are asked for from one place.
    "new_link": (100, timedelta(hours=1)),
    # Users that are made from one place.
    "sign_up": (1000, timedelta(hours=1)),
}


def count_attempt(limit_name: str, *subject: str) -> None:
    """Count one try; raises `TooSoon` beyond the limit."""
    limit, window = _LIMITS[limit_name]
    with apart() as session:
        rate_limits.count_attempt(session, _key(limit_name, subject), limit=limit, window=window)


def count_email(address: EmailAddress) -> None:
    """Count an email that anybody can have sent to this mailbox; raises `TooSoon` beyond the limits."""
    mailbox = folded(address.key)
    count_attempt("mail", mailbox, client_key())
    count_attempt("mailbox", mailbox)
    count_attempt("mailbox_daily", mailbox)


def limited_password_check(tried: Callable[[], Person], *subject: str) -> Person:
    """Whoever the password turns out to be; tries are counted first, by `subject` and by the caller, and slowed
    down."""
    buckets = guess_limits.on_anything(*subject), guess_limits.from_caller(client_key())
    return guess_limits.tried(tried, *buckets, origin=identity.client_address())


def client_key() -> str:
    """The network that a count is kept for: the caller's, or what our proxy says where that can't be read."""
    return identity.caller_network()


def _key(limit_name: str, subject: tuple[str, ...]) -> str:
    return f"{limit_name}:{hashlib.sha256(repr(subject).encode()).hexdigest()}"
