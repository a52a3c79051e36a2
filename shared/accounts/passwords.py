"""Password hashing with Argon2id, limited to two at a time. Unknown users cost as much time as known ones."""

from threading import BoundedSemaphore

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

SHORTEST, LONGEST = 8, 256
"""Minimum and maximum password length in characters (OWASP ASVS 5.0, 6.2.1 and 6.2.9)."""

# Argon2id parameters of OWASP's Password Storage Cheat Sheet: 19 MiB, two passes, one lane. Each hash stores its own
# parameters, so older hashes still verify.
_hasher = PasswordHasher(memory_cost=19_456, time_cost=2, parallelism=1)
# One hash takes about 50 ms of a core. More than two at a time would starve other requests.
_concurrent = BoundedSemaphore(2)
_DUMMY_HASH = "$argon2id$v=19$m=19456,t=2,p=1$HS8ZcW/b87SGahXtJvAl2A$PX93d/TyhX1FLTzpc+BzXGWjDTrj0NLnhG68LwFslWk"


def hash_password(password: str) -> str:
    """The hash to store for a password."""
    with _concurrent:
        return _hasher.hash(password)


def verify_password(password: str, kept: str | None) -> bool:
    """Return True if the password matches the stored hash. With `kept` None it returns False in the same time."""
    try:
        with _concurrent:
            return _hasher.verify(kept or _DUMMY_HASH, password) and kept is not None
    except (VerificationError, InvalidHashError):
        return False
