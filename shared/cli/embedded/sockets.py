"""Unix sockets of servers, in folders that only their owner can open. This is the only access control."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

# The path of a Unix socket has at most 107 characters on Linux and 103 on macOS.
_LONGEST = 100


def place(folder: Path, name: str, *, owner: int | None = None) -> Path:
    """The folder for a socket: the given one, or a new one with a short path if the path would be too long."""
    if len(os.fsencode(folder / name)) <= _LONGEST:
        return folder
    short = Path(tempfile.mkdtemp(prefix="usher-", dir="/tmp"))
    atexit.register(shutil.rmtree, short, ignore_errors=True)
    if owner is not None:
        os.chown(short, owner, owner)
    return short
