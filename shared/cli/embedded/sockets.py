"""Where servers listen: on Unix sockets in folders that only their owner can open, which is all the access control."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

# The address of a Unix socket holds 107 characters on Linux and 103 on macOS.
_LONGEST = 100


def place(folder: Path, name: str, *, owner: int | None = None) -> Path:
    """The folder itself, or a fresh one with a short path where the socket's path would be too long."""
    if len(os.fsencode(folder / name)) <= _LONGEST:
        return folder
    short = Path(tempfile.mkdtemp(prefix="usher-", dir="/tmp"))
    atexit.register(shutil.rmtree, short, ignore_errors=True)
    if owner is not None:
        os.chown(short, owner, owner)
    return short
