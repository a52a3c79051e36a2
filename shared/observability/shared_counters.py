"""Where the processes of one part count together (prometheus_client's files), so that counting never fails the work.

The folder is a temporary one, and what cleans such folders may take it away under us. It is made anew then, and each
process goes on in fresh files: to Prometheus that is a counter that began again. Where no folder can be had at all,
figures are kept in memory alone.
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
# What counting into a file that is gone, closed or was never had comes to.
_LOST = (OSError, ValueError, AttributeError)


def count_together(place: Callable[[int], str]) -> None:
    """Have what is counted from here on kept in the folder, if there is one; `place` names a process by its id."""
    if METRICS_FOLDER in os.environ:
        values.ValueClass = _lasting(_Place(place))


def registry() -> CollectorRegistry:
    """What all processes of this part have counted, as far as it is still there."""
    counted = CollectorRegistry()
    with suppress(*_LOST):
        folder().mkdir(mode=0o700, parents=True, exist_ok=True)
        multiprocess.MultiProcessCollector(counted)
    return counted


def folder() -> Path:
    """The folder that the environment names."""
    return Path(os.environ[METRICS_FOLDER])


class _Place:
    """What the files of this process are called: by another name once they are gone, which has new ones opened."""

    def __init__(self, place: Callable[[int], str]) -> None:
        self._place = place
        self._name = ""
        self._generation = 0
        self._expected = False
        self._look_at = 0.0

    def __call__(self) -> str:
        """The name at this moment; asked for at each count."""
        if time.monotonic() >= self._look_at:
            self.look()
        name = self._place(os.getpid())
        return f"{name}.{self._generation}" if self._generation else name

    def look(self) -> None:
        """See whether the files are still there, and make the folder where it is not."""
        self._look_at = time.monotonic() + _LOOK_EVERY
        name = self._place(os.getpid())
        with suppress(OSError):
            folder().mkdir(mode=0o700, parents=True, exist_ok=True)
            there = any(folder().glob(f"*_{name}*.db"))
            # Just forked, it has none yet.
            self._generation += self._expected and self._name == name and not there
            self._name, self._expected = name, there

    def expect(self) -> None:
        """Say that files should be there by now; where the next look finds none, they are opened anew."""
        self._expected = True


def _lasting(place: _Place) -> type:
    mapped: Any = values.MultiProcessValue(place)

    class Lasting(mapped):  # type: ignore[misc]
        """A figure in a file; without one it is kept in memory alone."""

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
