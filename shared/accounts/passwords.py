"""Passwords: Argon2id, a bounded number at once, and the same work whether or not there is somebody to compare with."""

from threading import BoundedSemaphore

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

SHORTEST, LONGEST = 8, 256
"""The lengths of password that are taken, in characters (OWASP ASVS 5.0, 6.2.1 and 6.2.9)."""

# Argon2id as OWASP's Password Storage Cheat Sheet asks for it: 19 MiB, two passes, one lane. Older hashes, made with
# other figures, carry those and still verify.
_hasher = PasswordHasher(memory_cost=19_456, time_cost=2, parallelism=1)
# One hash takes some 50 ms of a core: more than two at once would starve everything else.
_concurrent = BoundedSemaphore(2)
_DUMMY_HASH = "$argon2id$v=19$m=19456,t=2,p=1$HS8ZcW/b87SGahXtJvAl2A$PX93d/TyhX1FLTzpc+BzXGWjDTrj0NLnhG68LwFslWk"


def hash_password(password: str) -> str:
    """The hash to keep of a password."""
    with _concurrent:
        return _hasher.hash(password)


def verify_password(password: str, kept: str | None) -> bool:
    """Whether the password is the one that was kept; nobody's takes as long as somebody's."""
    try:
        with _concurrent:
            return _hasher.verify(kept or _DUMMY_HASH, password) and kept is not None
    except (VerificationError, InvalidHashError):
        return False
