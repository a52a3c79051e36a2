"""Standard output and standard error that end no process, whatever becomes of where they go."""

import io
import os
import sys
from contextlib import suppress
from typing import Any


class _Unfailing(io.RawIOBase):
    """A file descriptor that takes everything: what can't be written (a full disk, a closed pipe) is dropped."""

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
    """Have nothing that this process, or one forked from it, writes to its standard streams ever end it."""
    for name, descriptor in (("stdout", 1), ("stderr", 2)):
        stream = io.BufferedWriter(_Unfailing(descriptor))
        setattr(sys, name, io.TextIOWrapper(stream, "utf-8", "backslashreplace", line_buffering=True))
