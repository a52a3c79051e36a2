"""The secrets that open doors: links are derived, sessions and keys are drawn; rows keep only their SHA-256.

A link's token is HMAC-SHA-256 over (purpose, id, generation) with one of SECRET_KEYS, so a retry mails the same link
and nothing that opens a door stands in the database, the broker or a log. All are 43 characters of base64url: 256 bits,
which needs no slow hash (OWASP ASVS 5.0, 6.5.2).
"""

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from enum import StrEnum

LENGTH = 43

_DRAWN = re.compile(rf"[A-Za-z0-9_-]{{{LENGTH}}}")


class Purpose(StrEnum):
    """What a token is for; one for one purpose never fits another."""

    INVITATION = "invitation"
    VERIFICATION = "verification"
    PASSWORD_RESET = "password-reset"  # noqa: S105 - the name of a purpose, not a password
    FORM = "form"
    FINGERPRINT = "fingerprint"
    API_KEY = "api-key"
    OPERATOR = "operator"
    DEVICE = "device"


def derive(key: str, purpose: Purpose, subject_id: str, generation: int) -> str:
    """The token of this link under this key; the same every time."""
    text = f"usher/{purpose}/{subject_id}/{generation}".encode()
    return _base64url(hmac.digest(key.encode(), text, "sha256"))


def rederive(keys: Sequence[str], purpose: Purpose, subject_id: str, generation: int, *, digest: bytes) -> str | None:
    """The token whose digest the row keeps, under whichever key made it; None once that key is gone from the list."""
    for key in keys:
        token = derive(key, purpose, subject_id, generation)
        if hmac.compare_digest(sha256(token), digest):
            return token
    return None


def fingerprints(keys: Sequence[str], *parts: bytes) -> list[bytes]:
    """What a row may keep of a request to know it again, under each key, the newest first.

    A request may hold a password: without the key, none can be tried against what the row keeps.
    """
    framed = b"".join(len(part).to_bytes(8, "big") + part for part in parts)
    return [hmac.digest(derive(key, Purpose.FINGERPRINT, "", 0).encode(), framed, "sha256") for key in keys]


def draw() -> str:
    """A fresh random secret for a session or a key: 256 bits."""
    return _base64url(secrets.token_bytes(32))


def is_drawn(token: str) -> bool:
    """Whether the token has the form of those that `draw` makes."""
    return _DRAWN.fullmatch(token) is not None


def sha256(token: str) -> bytes:
    """What a row keeps of a token, to find it by."""
    return hashlib.sha256(token.encode()).digest()


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
