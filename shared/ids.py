"""Ids: a prefix that says what the thing is, then 26 characters that sort by time.

The 26 characters are 48 bits of milliseconds and 80 random bits in Crockford's base 32, lower case. They name things;
nothing is opened by knowing one, so they need not be secret, only distinct.
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
    """A fresh id such as `inv_01k9…`; two made in different milliseconds sort in the order they were made."""
    return _written(prefix, time.time_ns() // 1_000_000, random.getrandbits(80))


def first_id(prefix: str, moment: datetime) -> str:
    """What no id sorts below that is made at this moment or after it: a list of ids is cut in time without a column."""
    return _written(prefix, int(moment.timestamp() * 1000), 0)


def moment(prefix: str) -> str:
    """What the ids of things begin with that one statement makes: 8 more signs, by which it numbers them, end each."""
    return new_id(prefix)[:-8]


def new_ids(prefix: str) -> Iterator[str]:
    """Fresh ids for what is made at this moment, one after the other: drawn once and then numbered, in their order."""
    begun = moment(prefix)
    return (f"{begun}{number:08}" for number in count())


def _written(prefix: str, milliseconds: int, random_bits: int) -> str:
    return _begun(prefix, milliseconds) + "".join([_PAIRS[random_bits >> shift & 1023] for shift in _RANDOM])


@lru_cache(8)
def _begun(prefix: str, milliseconds: int) -> str:
    """The first 10 signs; many ids are made in the same millisecond."""
    return f"{prefix}_" + "".join([_PAIRS[milliseconds >> shift & 1023] for shift in _TIME])
