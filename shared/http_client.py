"""HTTP requests to other systems, each with a deadline for the whole answer and a limit on its size."""

import logging
import time
from collections.abc import Mapping
from typing import NamedTuple

from shared.optional_imports import block_imports

# httpx would load rich for its command line: 9 MB in each process.
with block_imports("rich"):
    import httpx

CONNECT_SECONDS = 10.0

# At INFO httpx logs each URL with its query, which can contain an operator's key. httpcore logs headers at DEBUG.
for _library in ("httpx", "httpcore"):
    logging.getLogger(_library).setLevel(logging.WARNING)

FAILURES = (httpx.HTTPError, httpx.InvalidURL, OSError)
"""The errors of a request without a complete answer: no connection, a timeout, too large, or not HTTP."""


class AnswerTooLarge(httpx.TransportError):
    """Raised when an answer exceeds the caller's size limit."""


class Answer(NamedTuple):
    """A complete answer. Header names are case-insensitive."""

    status: int
    headers: httpx.Headers
    body: bytes


def get(
    url: str, *, headers: Mapping[str, str] | None = None, seconds: float, largest: int, redirects: bool = False
) -> Answer:
    """Fetch `url`: at most `largest` bytes within `seconds`. Raises one of `FAILURES`, but for no HTTP status."""
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
