"""Limits on attempts that anyone can make and that cost us or others something, counted in the database.

Email addresses count in their folded form, so tags and dots don't give a fresh count. Callers count by their network.
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
    # Emails that one caller can trigger to one mailbox.
    "mail": (5, timedelta(minutes=15)),
    # Emails that all callers together can trigger to one mailbox.
    "mailbox": (10, timedelta(hours=1)),
    "mailbox_daily": (30, timedelta(days=1)),
    # New links that one network can request.
    "new_link": (100, timedelta(hours=1)),
    # Users that one network can sign up.
    "sign_up": (1000, timedelta(hours=1)),
}


def count_attempt(limit_name: str, *subject: str) -> None:
    """Count one attempt. Raises `TooSoon` beyond the limit."""
    limit, window = _LIMITS[limit_name]
    with apart() as session:
        rate_limits.count_attempt(session, _key(limit_name, subject), limit=limit, window=window)


def count_email(address: EmailAddress) -> None:
    """Count an email that anyone can trigger to this mailbox. Raises `TooSoon` beyond a limit."""
    mailbox = folded(address.key)
    count_attempt("mail", mailbox, client_key())
    count_attempt("mailbox", mailbox)
    count_attempt("mailbox_daily", mailbox)


def limited_password_check(tried: Callable[[], Person], *subject: str) -> Person:
    """Check a password within the limits, and return what `tried` returns.

    The attempt is counted by `subject` and by caller before it is made. Raises `TooSoon` beyond a limit.
    """
    buckets = guess_limits.on_anything(*subject), guess_limits.from_caller(client_key())
    return guess_limits.tried(tried, *buckets, origin=identity.client_address())


def client_key() -> str:
    """Return the key to count this caller under: their network, or what our proxy reports for an unreadable address."""
    return identity.caller_network()


def _key(limit_name: str, subject: tuple[str, ...]) -> str:
    return f"{limit_name}:{hashlib.sha256(repr(subject).encode()).hexdigest()}"
