"""Answers that take the same time whatever they did, where the time would tell whether an address is known."""

import time
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def even_time(step: float = 0.1) -> Iterator[None]:
    """Let the block end a whole number of steps after it began, with an answer or an error.

    A `step`, in seconds, is well above what the work takes: only its end is seen.
    """
    began = time.monotonic()
    try:
        yield
    finally:
        time.sleep(step - (time.monotonic() - began) % step)
