"""Responses in constant time, for calls whose timing would reveal if an address is known."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

STEP = 0.1
"""Seconds. Well above the time of the work itself, so that response times reveal only the number of steps."""


@contextmanager
def even_time() -> Iterator[None]:
    """Make the block take a whole number of steps, whether it returns or raises."""
    began = time.monotonic()
    try:
        yield
    finally:
        time.sleep(STEP - (time.monotonic() - began) % STEP)
