"""Requests to other systems, each with a deadline for the whole answer and a limit on its size."""

import logging
import time
from collections.abc import Mapping
from typing import NamedTuple

from shared.optional_imports import block_imports

# It would load its command line with rich: 9 MB in each process.
with block_imports("rich"):
    import httpx

CONNECT_SECONDS = 10.0

# At INFO httpx logs each address with its query, where an operator's key may be, and httpcore logs headers at DEBUG.
for _library in ("httpx", "httpcore"):
    logging.getLogger(_library).setLevel(logging.WARNING)

FAILURES = (httpx.HTTPError, httpx.InvalidURL, OSError)
"""The errors of a request that got no whole answer: no connection, a time-out, too large, not HTTP."""


class AnswerTooLarge(httpx.TransportError):
    """The answer holds more bytes than the caller takes."""


class Answer(NamedTuple):
    """A whole answer; the names of `headers` are compared without regard to case."""

    status: int
    headers: httpx.Headers
    body: bytes


def get(
    url: str, *, headers: Mapping[str, str] | None = None, seconds: float, largest: int, redirects: bool = False
) -> Answer:
    """Fetch `url`: at most `largest` bytes within `seconds`. Raises one of `FAILURES`; any status is an answer."""
    deadline = time.monotonic() + seconds
    timeout = httpx.Timeout(seconds, connect=min(seconds, CONNECT_SECONDS))
    sent = {"User-Agent": "usher", "Accept-Encoding": "identity"} | dict(headers or {})
    with (
        httpx.Client(timeout=timeout, follow_redirects=redirects, max_redirects=5) as client,
        client.stream("GET", url, headers=sent) as response,
    ):
        body = bytearray()
        for chunk in response.iter_raw():
            body += chunk
            if len(body) > largest:
                raise AnswerTooLarge(f"the answer holds more than {largest} bytes")
            if time.monotonic() > deadline:
                raise httpx.ReadTimeout(f"the whole answer took more than {seconds:g} s")
        return Answer(response.status_code, response.headers, bytes(body))
