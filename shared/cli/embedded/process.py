"""Processes that end together with the one that started them.

Each runs in a session of its own: Ctrl-C in a terminal reaches only their starter, which stops them in the right order,
and whatever they have started in turn can be ended with them. On Linux the kernel tells them even when their starter
is killed outright. Start them from the main thread: that signal comes when the starting thread ends.
"""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Protocol

from shared.errors import CannotRun

_PR_SET_PDEATHSIG = 1
# Looked up before any fork: between fork and exec nothing may be loaded.
_prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None


# What a server sees of our environment: none of its secrets, and messages in English.
MINIMAL_ENVIRONMENT = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}


class CannotStart(CannotRun):
    """An embedded part can't be started; the message is one line that says why and what to do."""


@dataclass(frozen=True, slots=True)
class Command:
    """What to run, as whom (a numeric user; None is the present one), and the signal that asks it to stop.

    `open_files` are descriptors that it finds open under the same numbers.
    """

    arguments: tuple[str, ...]
    environment: Mapping[str, str] | None = field(default=None, repr=False)
    folder: Path | None = None
    user: int | None = None
    open_files: tuple[int, ...] = ()
    stop_signal: signal.Signals = signal.SIGTERM


class Server(Protocol):
    """A server that was made ready to start: how to run it, and whether it answers yet."""

    @property
    def command(self) -> Command: ...
    def answers(self) -> bool: ...


def start(command: Command, log: Path) -> subprocess.Popen[bytes]:
    """Start it, with its output appended to the log."""
    us = os.getpid()
    with _opened(log) as output:
        return subprocess.Popen(  # noqa: S603 - the arguments are our own
            command.arguments,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=lambda: _end_with(us, command.stop_signal),
            **_surroundings(command),
        )


def _opened(log: Path) -> IO[bytes]:
    """The log, to be appended to; nowhere where it can't be opened: a full disk is no reason not to start a part."""
    try:
        return log.open("ab")
    except OSError:
        return Path(os.devnull).open("ab")


def run_to_end(command: Command) -> str:
    """Run it to its end and return what it printed; raises `CalledProcessError` with that where it fails."""
    done: subprocess.CompletedProcess[str] = subprocess.run(  # noqa: S603 - the arguments are our own
        command.arguments,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        text=True,
        check=True,
        **_surroundings(command),
    )
    return done.stdout


def ask_to_stop(process: subprocess.Popen[bytes], command: Command) -> None:
    """Send the signal that asks this command to stop, unless it has ended."""
    with suppress(ProcessLookupError):
        process.send_signal(command.stop_signal)


def end(process: subprocess.Popen[bytes], *, within: float) -> None:
    """Give it so many seconds to end by itself, then kill what is left of it and of those it started."""
    with suppress(subprocess.TimeoutExpired):
        process.wait(within)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@contextmanager
def running(server: Server, log: Path, *, within: float = 30) -> Iterator[None]:
    """The server, answering, for the length of the block; raises `CannotStart` if it doesn't within so many seconds."""
    process = start(server.command, log)
    try:
        if not wait_until(lambda: server.answers() or process.poll() is not None, within=within) or process.poll():
            raise CannotStart(f"{Path(server.command.arguments[0]).name} does not start: {last_line(log)}")
        yield
    finally:
        ask_to_stop(process, server.command)
        end(process, within=5)


def wait_until(condition: Callable[[], bool], *, within: float) -> bool:
    """Whether the condition came true within so many seconds."""
    deadline = time.monotonic() + within
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def last_line(log: Path) -> str:
    """The last line of a log, for a person to read."""
    lines = log.read_text(errors="replace").split("\n") if log.exists() else []
    return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")


def _surroundings(command: Command) -> dict[str, Any]:
    given: dict[str, Any] = {"env": command.environment, "cwd": command.folder, "pass_fds": command.open_files}
    return given | ({} if command.user is None else {"user": command.user, "group": command.user, "extra_groups": []})


def _end_with(starter: int, stop_signal: signal.Signals) -> None:
    """Runs in the child just before it becomes the program: the user is set by then, which would undo this."""
    if _prctl is not None:
        _prctl(_PR_SET_PDEATHSIG, stop_signal)
    if os.getppid() != starter:  # it died before the line above
        os._exit(1)
