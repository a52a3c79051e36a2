"""How long a process waits for the mail server's greeting: one of a machine for a minute, the others for seconds.

A server may take its time before it greets, or say nothing at all. If each process waited for it, nothing would be
checked meanwhile.
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
    """The seconds to wait for a greeting; this process is the patient one until the block ends, if none is by now."""
    file = -1
    try:
        with suppress(OSError):  # Without the folder nobody knows of the others.
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
