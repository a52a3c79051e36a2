"""Helpers for tests of processes: which process started which, which are alive, and waiting for a condition."""

import subprocess
import time
from collections.abc import Callable
from typing import NamedTuple


class Process(NamedTuple):
    pid: int
    parent: int
    state: str
    command: str


def everybody() -> list[Process]:
    """Every live process on this machine, without zombies."""
    listing = subprocess.run(["ps", "-ww", "-eo", "pid=,ppid=,stat=,args="], capture_output=True, text=True, check=True)
    rows = [line.split(None, 3) for line in listing.stdout.splitlines()]
    found = [Process(int(row[0]), int(row[1]), row[2], row[3]) for row in rows if len(row) == 4]
    return [process for process in found if "Z" not in process.state]


def started_by(pid: int) -> list[Process]:
    """All descendants of this process."""
    processes = everybody()
    family = {pid}
    for _ in processes:
        grown = family | {process.pid for process in processes if process.parent in family}
        if grown == family:
            break
        family = grown
    return [process for process in processes if process.pid in family - {pid}]


def alive(pid: int) -> bool:
    return any(process.pid == pid for process in everybody())


def eventually(condition: Callable[[], object], *, within: float = 10) -> None:
    """Wait until the condition is true. Fails after this many seconds."""
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, f"not so within {within} s"
        time.sleep(0.05)
