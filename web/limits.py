"""How often strangers may try what costs us or others something: a count in the database, by what and by whom."""

import hashlib
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import TypeVar

from shared.errors import TooSoon, Unauthenticated
from shared.services import throttles
from web import auth
from web.database import transaction

Person = TypeVar("Person")

_LIMITS = {
    # Wrong passwords for one address from one place; a right one forgets them.
    "sign_in": (10, timedelta(minutes=15)),
    # Mails that anybody can have sent to one address.
    "mail": (5, timedelta(minutes=15)),
    # New links that are asked for from one place.
    "new_link": (100, timedelta(hours=1)),
    # Users that are made from one place.
    "sign_up": (1000, timedelta(hours=1)),
}


def count(what: str, *who: str) -> None:
    """Count one try; raises `TooSoon` beyond the limit."""
    limit, window = _LIMITS[what]
    with transaction() as session:
        throttles.hit(session, _key(what, who), limit=limit, window=window)


def password_tried(tried: Callable[[], Person], *who: str) -> Person:
    """Whoever the password turns out to be; wrong ones for the same `who` are counted, and refused beyond the limit."""
    limit, window = _LIMITS["sign_in"]
    key = _key("sign_in", who)
    with transaction() as session:
        throttles.refuse_over(session, key, limit=limit)
    try:
        person = tried()
    except Unauthenticated:
        with transaction() as session, suppress(TooSoon):
            throttles.hit(session, key, limit=limit, window=window)
        raise
    with transaction() as session:
        throttles.forget(session, key)
    return person


def from_here() -> str:
    """The place that a count is kept for: the caller's address, or what our proxy says where that can't be read."""
    return auth.origin_key()


def _key(what: str, who: tuple[str, ...]) -> str:
    return f"{what}:{hashlib.sha256(repr(who).encode()).hexdigest()}"
