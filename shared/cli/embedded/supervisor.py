"""Keeps processes running: restarts those that end, and stops all of them, dependents first."""

import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen
from threading import Event
from types import FrameType, TracebackType
from typing import Self

import click

from shared.cli.embedded.process import CannotStart, Command, ask_to_stop, end, last_line, start

_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_TICK = 0.05
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.1, 2.0
_LONG_LIVED = 10.0
"""Seconds after which a component counts as healthy. Its next exit then counts as the first."""

_DEATHS_AT_START = 5
"""Exits before the first answer after which a component counts as unable to start."""


class Stopped(Exception):
    """Raised when a signal requests a stop."""


@dataclass(slots=True)
class _Part:
    name: str
    command: Command
    layer: int
    log: Path
    process: Popen[bytes]
    began: float
    deaths: int = 0
    again_at: float | None = None


class Supervisor:
    """The processes of one `usher up`, for a `with` block. Ctrl-C and SIGTERM end it with `Stopped`.

    Each layer gets `patience` seconds to stop, so two layers are gone within ten.
    """

    def __init__(self, logs: Path, *, patience: float = 4.5) -> None:
        self._logs = logs
        self._patience = patience
        self._parts: list[_Part] = []
        self._stop_requested = Event()

    def __enter__(self) -> Self:
        self._earlier = {number: signal.signal(number, self._request_stop) for number in _STOPPING}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        for layer in sorted({part.layer for part in self._parts}, reverse=True):
            self._stop_layer([part for part in self._parts if part.layer == layer])
        for number, handler in self._earlier.items():
            signal.signal(number, handler)
        return isinstance(error, Stopped)

    def start(self, name: str, command: Command, *, layer: int) -> None:
        """Start a component and keep it running. The highest layer is stopped first."""
        log = self._logs / f"{name}.log"
        self._parts.append(_Part(name, command, layer, log, start(command, log), time.monotonic()))

    def wait_for(self, name: str, answers: Callable[[], bool], *, within: float = 30) -> None:
        """Wait until the component answers. Raises `CannotStart` after `within` seconds or if it keeps exiting."""
        part = next(part for part in self._parts if part.name == name)
        deadline = time.monotonic() + within
        while not answers():
            self._restart_dead()
            if part.deaths >= _DEATHS_AT_START or time.monotonic() > deadline:
                raise CannotStart(f"The {name} doesn't start: {last_line(part.log)} (more in {part.log})")

    def watch(self) -> None:
        """Keep all components running until a stop is requested."""
        while True:
            for part in self._restart_dead():
                click.echo(
                    f"The {part.name} exited ({_how(part.process.returncode)}) and is being restarted.", err=True
                )

    def _request_stop(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self._stop_requested.set()

    def _restart_dead(self) -> list[_Part]:
        """Check each component once. Returns those that have just exited, and restarts those whose pause is over."""
        if self._stop_requested.wait(_TICK):
            raise Stopped
        died = []
        for part in self._parts:
            if part.process.poll() is None:
                continue
            if part.again_at is None:
                _report_death(part)
                died.append(part)
            elif time.monotonic() >= part.again_at:
                part.process, part.began, part.again_at = start(part.command, part.log), time.monotonic(), None
        return died

    def _stop_layer(self, parts: list[_Part]) -> None:
        deadline = time.monotonic() + self._patience
        for part in parts:
            ask_to_stop(part.process, part.command)
        for part in parts:
            end(part.process, within=max(0.0, deadline - time.monotonic()))


def _report_death(part: _Part) -> None:
    """End the remaining children of an exited component, and schedule its restart."""
    end(part.process, within=0)
    well = time.monotonic() - part.began > _LONG_LIVED
    part.deaths = 1 if well else part.deaths + 1
    part.again_at = time.monotonic() + min(_SHORTEST_PAUSE * 2**part.deaths, _LONGEST_PAUSE)


def _how(code: int) -> str:
    return f"exit code {code}" if code >= 0 else f"killed by {signal.Signals(-code).name}"
