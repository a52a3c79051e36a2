"""Passwords: Argon2id, a bounded number at once, and the same work whether or not there is somebody to compare with."""

from threading import BoundedSemaphore

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

SHORTEST, LONGEST = 8, 256
"""The lengths of password that are taken, in characters (OWASP ASVS 5.0, 6.2.1 and 6.2.9)."""

_hasher = PasswordHasher(parallelism=1)
# One hash takes some 150 ms of a core and 64 MB: more than two at once would starve everything else of both.
_at_once = BoundedSemaphore(2)
_NOBODYS = "$argon2id$v=19$m=65536,t=3,p=1$uK8lmRAdLVTT8vnYjzeYhg$6CjOyp7INKFvkg2UAfVbMh4Y8a7mHtNnYtD0m1bGRlc"


def digest(password: str) -> str:
    """The hash to keep of a password."""
    with _at_once:
        return _hasher.hash(password)


def matches(password: str, kept: str | None) -> bool:
    """Whether the password is the one that was kept; nobody's takes as long as somebody's."""
    try:
        with _at_once:
            return _hasher.verify(kept or _NOBODYS, password) and kept is not None
    except (VerificationError, InvalidHashError):
        return False
