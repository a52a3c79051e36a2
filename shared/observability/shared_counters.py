"""The folder in which the processes of one component count together (prometheus_client's files), without failures.

The folder is a temporary one, and a cleanup of such folders may delete it at any time. It is then created again, and
each process continues in new files, which Prometheus sees as a counter reset. If no folder is possible at all, counts
stay in memory.
"""

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, multiprocess, values

from shared.settings.environment import METRICS_FOLDER

_LOOK_EVERY = 1.0
# Errors of counting into a file that is gone, closed or was never opened.
_LOST = (OSError, ValueError, AttributeError)


def count_together(place: Callable[[int], str]) -> None:
    """Store counts in the folder from now on, if one is set. `place` maps a process id to a name."""
    if METRICS_FOLDER in os.environ:
        values.ValueClass = _lasting(_Place(place))


def registry() -> CollectorRegistry:
    """A registry with the counts of all processes of this component, as far as the files exist."""
    counted = CollectorRegistry()
    with suppress(*_LOST):
        folder().mkdir(mode=0o700, parents=True, exist_ok=True)
        multiprocess.MultiProcessCollector(counted)
    return counted


def folder() -> Path:
    """The folder that the environment names."""
    return Path(os.environ[METRICS_FOLDER])


class _Place:
    """Names the files of this process. If they disappear it changes the name, so new ones are opened."""

    def __init__(self, place: Callable[[int], str]) -> None:
        self._place = place
        self._name = ""
        self._generation = 0
        self._expected = False
        self._look_at = 0.0

    def __call__(self) -> str:
        """The current name, requested at each count."""
        if time.monotonic() >= self._look_at:
            self.look()
        name = self._place(os.getpid())
        return f"{name}.{self._generation}" if self._generation else name

    def look(self) -> None:
        """Check that the files still exist, and create the folder if it doesn't."""
        self._look_at = time.monotonic() + _LOOK_EVERY
        name = self._place(os.getpid())
        with suppress(OSError):
            folder().mkdir(mode=0o700, parents=True, exist_ok=True)
            there = any(folder().glob(f"*_{name}*.db"))
            # A process that was just forked has no files yet.
            self._generation += self._expected and self._name == name and not there
            self._name, self._expected = name, there

    def expect(self) -> None:
        """Record that files should exist. If the next check finds none, they are opened again."""
        self._expected = True


def _lasting(place: _Place) -> type:
    mapped: Any = values.MultiProcessValue(place)

    class Lasting(mapped):  # type: ignore[misc]
        """A value in a file, or in memory if there is no file."""

        def __init__(self, *given: Any, **more: Any) -> None:
            try:
                super().__init__(*given, **more)
            except _LOST:
                self._file, self._key, self._value, self._timestamp = None, "", 0.0, 0.0
                place.look()
                with suppress(*_LOST):
                    super().__init__(*given, **more)
            place.expect()

        def inc(self, *given: Any, **more: Any) -> None:
            try:
                super().inc(*given, **more)
            except _LOST:
                place.expect()

        def set(self, *given: Any, **more: Any) -> None:
            try:
                super().set(*given, **more)
            except _LOST:
                place.expect()

        def get(self) -> float:
            with suppress(*_LOST):
                return float(super().get())
            return float(self._value)

    return Lasting
