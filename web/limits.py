"""How often strangers may try what costs us or others something: a count in the database, by what and by whom.

Addresses count by their folded form, so that tags and dots give nobody a fresh count, and callers by their network.
"""

import hashlib
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from shared.email_address import EmailAddress, folded
from shared.services import throttles
from web import auth, guesses
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


def count(what: str, *who: str) -> None:
    """Count one try; raises `TooSoon` beyond the limit."""
    limit, window = _LIMITS[what]
    with apart() as session:
        throttles.hit(session, _key(what, who), limit=limit, window=window)


def count_email(address: EmailAddress) -> None:
    """Count an email that anybody can have sent to this mailbox; raises `TooSoon` beyond the limits."""
    mailbox = folded(address.key)
    count("mail", mailbox, from_here())
    count("mailbox", mailbox)
    count("mailbox_daily", mailbox)


def password_tried(tried: Callable[[], Person], *who: str) -> Person:
    """Whoever the password turns out to be; tries are counted first, by `who` and by the caller, and slowed down."""
    buckets = guesses.on_anything(*who), guesses.from_caller(from_here())
    return guesses.tried(tried, *buckets, origin=auth.origin())


def from_here() -> str:
    """The network that a count is kept for: the caller's, or what our proxy says where that can't be read."""
    return auth.caller_network()


def _key(what: str, who: tuple[str, ...]) -> str:
    return f"{what}:{hashlib.sha256(repr(who).encode()).hexdigest()}"
