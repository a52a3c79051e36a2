"""Secret tokens. Those in links are derived, those of sessions and keys are random. Rows keep only their SHA-256.

A link's token is HMAC-SHA-256 over (purpose, id, generation) with one of SECRET_KEYS. So a retry sends the same link,
and the database, the broker and the logs contain nothing that grants access. All tokens are 43 characters of base64url:
256 bits, which need no slow hash (OWASP ASVS 5.0, 6.5.2).
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
    """The purpose of a token. A token for one purpose is never valid for another."""

    INVITATION = "invitation"
    VERIFICATION = "verification"
    PASSWORD_RESET = "password-reset"  # noqa: S105 - the name of a purpose, not a password
    FORM = "form"
    FINGERPRINT = "fingerprint"
    API_KEY = "api-key"
    OPERATOR = "operator"
    DEVICE = "device"


def derive(key: str, purpose: Purpose, subject_id: str, generation: int) -> str:
    """Derive a link's token with this key. The result is always the same."""
    text = f"usher/{purpose}/{subject_id}/{generation}".encode()
    return _base64url(hmac.digest(key.encode(), text, "sha256"))


def rederive(keys: Sequence[str], purpose: Purpose, subject_id: str, generation: int, *, digest: bytes) -> str | None:
    """The token whose digest the row stores, derived with whichever key matches. None if that key was removed."""
    for key in keys:
        token = derive(key, purpose, subject_id, generation)
        if hmac.compare_digest(sha256(token), digest):
            return token
    return None


def fingerprints(keys: Sequence[str], *parts: bytes) -> list[bytes]:
    """Fingerprints by which a row recognizes a repeated request, one for each key, newest key first.

    A request can contain a password. Without the key, no password can be tested against the stored fingerprint.
    """
    framed = b"".join(len(part).to_bytes(8, "big") + part for part in parts)
    return [hmac.digest(derive(key, Purpose.FINGERPRINT, "", 0).encode(), framed, "sha256") for key in keys]


def draw() -> str:
    """A new random secret of 256 bits for a session or a key."""
    return _base64url(secrets.token_bytes(32))


def is_drawn(token: str) -> bool:
    """Return True if the token has the format that `draw` creates."""
    return _DRAWN.fullmatch(token) is not None


def sha256(token: str) -> bytes:
    """The digest that a row stores and finds a token by."""
    return hashlib.sha256(token.encode()).digest()


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
