"""Answers that take the same time whatever they did, where the time would tell whether an address is known."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

STEP = 0.1
"""Seconds: well above what the work takes, so that only its end is seen, and never the work."""


@contextmanager
def even_time() -> Iterator[None]:
    """Let the block end a whole number of steps after it began, with an answer or an error."""
    began = time.monotonic()
    try:
        yield
    finally:
        time.sleep(STEP - (time.monotonic() - began) % STEP)
