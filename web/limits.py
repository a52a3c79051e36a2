"""How often strangers may try what costs us or others something: a count in the database, by what and by whom."""

import hashlib
from datetime import timedelta

from shared.services import throttles
from web import auth
from web.database import transaction

_LIMITS = {
    # Wrong passwords for one address from one place; a right one forgets them.
    "sign_in": (10, timedelta(minutes=15)),
    # Mails that anybody can have sent to one address.
    "mail": (5, timedelta(minutes=15)),
    # Users that are made from one place.
    "sign_up": (1000, timedelta(hours=1)),
}


def count(what: str, *who: str) -> str:
    """Count one try and raise `TooSoon` beyond the limit; the key that is returned can be forgotten."""
    limit, window = _LIMITS[what]
    key = f"{what}:{hashlib.sha256(repr(who).encode()).hexdigest()}"
    with transaction() as session:
        throttles.hit(session, key, limit=limit, window=window)
    return key


def from_here() -> str:
    """The place that a count is kept for: the caller's address, or nothing where it can't be known."""
    return auth.origin() or ""
