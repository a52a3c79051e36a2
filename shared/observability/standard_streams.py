"""Standard output and standard error that never end the process, even if they can't be written."""

import io
import os
import sys
from contextlib import suppress
from typing import Any


class _Unfailing(io.RawIOBase):
    """A file descriptor that accepts everything and drops what it can't write (full disk, closed pipe)."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor

    def isatty(self) -> bool:
        return os.isatty(self._descriptor)

    def write(self, data: Any) -> int:
        left = memoryview(data).cast("B")
        length = len(left)
        with suppress(OSError):
            while left:
                left = left[os.write(self._descriptor, left) :]
        return length


def never_fail() -> None:
    """Make the standard streams safe to write to, for this process and those forked from it."""
    for name, descriptor in (("stdout", 1), ("stderr", 2)):
        stream = io.BufferedWriter(_Unfailing(descriptor))
        setattr(sys, name, io.TextIOWrapper(stream, "utf-8", "backslashreplace", line_buffering=True))
