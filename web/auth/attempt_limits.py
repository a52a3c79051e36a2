"""Limits on attempts that anyone can make and that cost us or others something, counted in the database.

Email addresses count in their folded form, so tags and dots don't give a fresh count. Callers count by their network.
"""

import hashlib
from collections.abc import Callable
from datetime import timedelta
from enum import StrEnum
from typing import TypeVar

from shared.accounts.password_resets import RESET_TTL
from shared.email_address import EmailAddress, folded
from shared.limits import rate_limits
from web.auth import guess_limits, identity
from web.database import apart

Person = TypeVar("Person")


class EmailKind(StrEnum):
    """What anybody can have emailed to any address. Kinds are counted apart: one that is used up stops no other."""

    SIGN_UP = "sign-up"
    PROOF = "proof"
    RESET = "reset"


_LIMITS = {
    # Emails of one kind that one caller can trigger to one mailbox.
    "mail": (5, timedelta(minutes=15)),
    # New links that one network can request.
    "new_link": (100, timedelta(hours=1)),
    # Sign-ups of one network, for any address. Joining by invitation doesn't count.
    "sign_up": (20, timedelta(hours=1)),
    "sign_up_daily": (100, timedelta(days=1)),
}

_MAILBOX = {
    EmailKind.SIGN_UP: ((10, timedelta(hours=1)), (30, timedelta(days=1))),
    EmailKind.PROOF: ((10, timedelta(hours=1)), (30, timedelta(days=1))),
    # Never longer than a link works: while no more emails go out, the last one in the mailbox still helps.
    EmailKind.RESET: ((5, RESET_TTL),),
}
"""Emails of one kind that all callers together can have sent to one mailbox."""


def count_attempt(limit_name: str, *subject: str) -> None:
    """Count one attempt. Raises `TooSoon` beyond the limit."""
    limit, window = _LIMITS[limit_name]
    with apart() as session:
        rate_limits.count_attempt(session, _key(limit_name, subject), limit=limit, window=window)


def count_email(kind: EmailKind, address: EmailAddress) -> bool:
    """Count an email that anyone can trigger to this mailbox. Returns False if the mailbox has had enough of them.

    Raises `TooSoon` only beyond the caller's own limit. What others have used up must not refuse the mailbox's owner,
    who has their emails by then: the answer stays the same, and nothing is sent.
    """
    mailbox = folded(address.key)
    count_attempt("mail", kind, mailbox, client_key())
    with apart() as session:
        counted = [
            rate_limits.is_within(session, _key(f"mailbox/{number}", (kind, mailbox)), limit=limit, window=window)
            for number, (limit, window) in enumerate(_MAILBOX[kind])
        ]
    return all(counted)


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
