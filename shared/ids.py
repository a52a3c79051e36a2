"""Ids: a prefix that names the type, then 26 characters that sort by time.

The 26 characters are 48 bits of milliseconds and 80 random bits in lowercase Crockford base 32. Ids identify things and
grant no access, so they need to be unique, not secret.
"""

import random
import time
from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache
from itertools import count

_SIGNS = "0123456789abcdefghjkmnpqrstvwxyz"
_TIME, _RANDOM = range(40, -10, -10), range(70, -10, -10)
_PAIRS = [first + second for first in _SIGNS for second in _SIGNS]


def new_id(prefix: str) -> str:
    """A new id such as `inv_01k9...`. Ids from different milliseconds sort by creation time."""
    return _written(prefix, time.time_ns() // 1_000_000, random.getrandbits(80))


def first_id(prefix: str, moment: datetime) -> str:
    """The lowest id for this moment, to filter a list of ids by time without a separate column."""
    return _written(prefix, int(moment.timestamp() * 1000), 0)


def moment(prefix: str) -> str:
    """The first part of ids that one statement creates. The statement appends a number of 8 digits to each."""
    return new_id(prefix)[:-8]


def new_ids(prefix: str) -> Iterator[str]:
    """New ids for things created at this moment, in order: one random part, then consecutive numbers."""
    begun = moment(prefix)
    return (f"{begun}{number:08}" for number in count())


def _written(prefix: str, milliseconds: int, random_bits: int) -> str:
    return _begun(prefix, milliseconds) + "".join([_PAIRS[random_bits >> shift & 1023] for shift in _RANDOM])


@lru_cache(8)
def _begun(prefix: str, milliseconds: int) -> str:
    """The prefix and first 10 characters, cached because many ids share a millisecond."""
    return f"{prefix}_" + "".join([_PAIRS[milliseconds >> shift & 1023] for shift in _TIME])
