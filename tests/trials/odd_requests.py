"""Headers and texts that only broken or hostile programs send. Schemathesis loads its hook from here."""

import itertools
from typing import Any

import schemathesis

HEADERS: tuple[dict[str, str], ...] = (
    {},
    {"Idempotency-Key": "one key for everything"},
    {"Idempotency-Key": "k" * 300},
    {"Idempotency-Key": "\xff"},
    {"Prefer": 'respond-async, wait="'},
    {"X-Request-Id": "\xff" * 70},
    {"Accept": "text/html;q=x, */*;q=nan"},
    {"Accept-Language": "xx;q=nan, ***, de-\xff"},
    {"X-Forwarded-For": ":::::, 999.1.1.1, \xff"},
    {"Range": "bytes=9-1,-1"},
    {"If-None-Match": '"\xff'},
    {"Content-Encoding": "gzip"},
    {"traceparent": "00-" + "z" * 60},
    {"Cookie": "usher=\xff; usher=%00; =; other"},
)

QUERIES = (
    "%ED%A0%80",
    "%FF%FE",
    "%00",
    "%",
    "%C3%28",
    "9" * 4300,
    "-1e999",
    "%F0%9F%92%A9" * 60,
    "%2527%20OR%201=1",
)
"""Encoded values of a query parameter: lone surrogates, invalid UTF-8, a NUL, half an escape, huge numbers."""

TEXTS = (
    '"\\ud800"',
    '"\\u0000"',
    "1" * 5000,
    "1e999999",
    "-0.0",
    "[" * 20_000,
    '{"a":' * 20_000,
    '"\\u202e"',
    '"' + "x" * 300_000 + '"',
    "NaN",
)
"""Encoded values of a body field."""

_turns = itertools.cycle(HEADERS)


@schemathesis.hook
def map_case(context: Any, case: Any) -> Any:
    """Give each case the next of the headers, in addition to its own."""
    case.headers.update(next(_turns))
    return case
