"""Supervised processes: each can be killed, frozen or replaced, and is restarted when it ends."""

import os
import signal
import subprocess
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from shared.cli.embedded.process import Command, Server, end, start, wait_until


@dataclass
class Part:
    """One supervised process. `deaths` has the times at which the tests killed it."""

    command: Command
    log: Path
    process: subprocess.Popen[bytes] | None = None
    held_down: bool = False
    log_size: int = 0
    deaths: list[float] = field(default_factory=list)

    @property
    def log_text(self) -> str:
        """Its log since its last start."""
        return self.log.read_bytes()[self.log_size :].decode(errors="replace")


class Parts:
    """The parts by name, in the order of their dependencies."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.parts: dict[str, Part] = {}
        self._closed = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="keeper")

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> None:
        """Kill a part and all its children. It is restarted at once."""
        self.send(name, number, group=number == signal.SIGKILL)
        self.parts[name].deaths.append(time.time())

    def send(self, name: str, number: signal.Signals, *, group: bool = False) -> None:
        process = self.parts[name].process
        if process is not None:
            with suppress(ProcessLookupError):
                (os.killpg if group else os.kill)(process.pid, number)

    def replace(self, name: str, **environment: str) -> None:
        """Ask a part to stop. Its successor gets these environment variables as well."""
        part = self.parts[name]
        part.command = replace(part.command, environment={**(part.command.environment or {}), **environment})
        self.send(name, signal.SIGTERM)

    def hold_down(self, *names: str) -> None:
        """Kill parts, and restart them only when `let_up` says so."""
        for name in names:
            self.parts[name].held_down = True
        for name in names:
            self.kill(name)

    def let_up(self, *names: str) -> None:
        for name in names:
            self.parts[name].held_down = False

    def alive(self, name: str) -> bool:
        process = self.parts[name].process
        return process is not None and process.poll() is None

    def is_at_work(self, name: str) -> bool:
        """Return True if a worker or scheduler has started to work since its last start."""
        return self.alive(name) and "ready" in self.parts[name].log_text

    def _add(self, name: str, command: Command) -> None:
        self.parts[name] = Part(command, self.folder / f"{name}.log")

    def _start(self, name: str, server: Server) -> None:
        part = self.parts[name]
        part.process = start(part.command, part.log)
        assert wait_until(server.answers, within=30), f"{name} does not start"

    def _stop(self, *, last: frozenset[str]) -> None:
        """Ask all parts to stop. Those in `last`, which others depend on, are asked once the others have ended."""
        self._closed.set()
        self._keeper.join()
        for name in self.parts.keys() - last:
            self.send(name, signal.SIGTERM)
        for part in reversed(list(self.parts.values())):
            if part.process is not None:
                with suppress(ProcessLookupError):
                    part.process.send_signal(part.command.stop_signal)
                end(part.process, within=10)

    def _keep(self) -> None:
        """Restart parts that have ended. One thread does so for all, because they end with the thread that started
        them."""
        while not self._closed.wait(0.05):
            for part in self.parts.values():
                if not part.held_down and (part.process is None or part.process.poll() is not None):
                    part.log_size = part.log.stat().st_size if part.log.exists() else 0
                    part.process = start(part.command, part.log)
