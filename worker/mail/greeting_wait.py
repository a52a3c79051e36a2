"""The wait for the mail server's greeting: a minute for one process of a machine, seconds for the others.

A server may delay its greeting or never send one. If every process waited for it, invitation checks would stop.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from shared.mail.smtp_connection import CONNECT_SECONDS, GREETING_SECONDS

_NAME = "greeting.lock"


@contextmanager
def patience(folder: Path) -> Iterator[float]:
    """The seconds to wait for a greeting. One process at a time waits long, until the end of the block."""
    file = -1
    try:
        with suppress(OSError):  # Without the folder, processes can't coordinate.
            file = os.open(folder / _NAME, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        yield GREETING_SECONDS if file < 0 or _locked(file) else CONNECT_SECONDS
    finally:
        if file >= 0:
            os.close(file)


def _locked(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
