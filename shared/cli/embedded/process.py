"""Processes that end together with their parent.

Each runs in its own session. Ctrl-C in a terminal so reaches only the parent, which stops them in the right order, and
their own children can be ended with them. On Linux the kernel signals them even if the parent is killed. Start them
from the main thread, because that signal is sent when the starting thread ends.
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
# Looked up before any fork, because nothing may be loaded between fork and exec.
_prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None


# The environment of servers: no secrets, and messages in English.
MINIMAL_ENVIRONMENT = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}


class CannotStart(CannotRun):
    """An embedded component can't start. The message is one line that explains why and what to do."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command with its user (a numeric id; None is the current one) and the signal that stops it.

    `open_files` are descriptors that it inherits under the same numbers.
    """

    arguments: tuple[str, ...]
    environment: Mapping[str, str] | None = field(default=None, repr=False)
    folder: Path | None = None
    user: int | None = None
    open_files: tuple[int, ...] = ()
    stop_signal: signal.Signals = signal.SIGTERM


class Server(Protocol):
    """A server prepared to start: its command, and a test if it is ready."""

    @property
    def command(self) -> Command: ...
    def answers(self) -> bool: ...


def start(command: Command, log: Path) -> subprocess.Popen[bytes]:
    """Start the command and append its output to the log."""
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
    """Open the log for appending, or /dev/null if that fails: a full disk must not prevent a start."""
    try:
        return log.open("ab")
    except OSError:
        return Path(os.devnull).open("ab")


def run_to_end(command: Command) -> str:
    """Run the command to its end and return its output. Raises `CalledProcessError` with the output on failure."""
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
    """Send the signal that stops this command, unless it has ended."""
    with suppress(ProcessLookupError):
        process.send_signal(command.stop_signal)


def end(process: subprocess.Popen[bytes], *, within: float) -> None:
    """Wait `within` seconds for the process to end, then kill it and its children."""
    with suppress(subprocess.TimeoutExpired):
        process.wait(within)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@contextmanager
def running(server: Server, log: Path, *, within: float = 30) -> Iterator[None]:
    """Run the server for the block. Raises `CannotStart` if it isn't ready within `within` seconds."""
    process = start(server.command, log)
    try:
        if not wait_until(lambda: server.answers() or process.poll() is not None, within=within) or process.poll():
            raise CannotStart(f"{Path(server.command.arguments[0]).name} doesn't start: {last_line(log)}")
        yield
    finally:
        ask_to_stop(process, server.command)
        end(process, within=5)


def wait_until(condition: Callable[[], bool], *, within: float) -> bool:
    """Wait up to `within` seconds for the condition. Returns True if it became true."""
    deadline = time.monotonic() + within
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def last_line(log: Path) -> str:
    """The last non-empty line of a log."""
    lines = log.read_text(errors="replace").split("\n") if log.exists() else []
    return next((line.strip() for line in reversed(lines) if line.strip()), "no output")


def _surroundings(command: Command) -> dict[str, Any]:
    given: dict[str, Any] = {"env": command.environment, "cwd": command.folder, "pass_fds": command.open_files}
    return given | ({} if command.user is None else {"user": command.user, "group": command.user, "extra_groups": []})


def _end_with(starter: int, stop_signal: signal.Signals) -> None:
    """Runs in the child just before exec, after the change of user, which would reset the signal."""
    if _prctl is not None:
        _prctl(_PR_SET_PDEATHSIG, stop_signal)
    if os.getppid() != starter:  # the parent died before the line above
        os._exit(1)
