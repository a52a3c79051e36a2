"""A real worker and a real scheduler: killed, stopped, and started with nothing to connect to."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from shared.models import JobKind, JobState
from shared.settings.settings import Settings
from tests.cli.processes import eventually, started_by
from tests.conftest import environment
from tests.smtp_server import SILENCE, SmtpServer
from tests.worker.world import World

CHECK, MAIL = JobKind.INVITATION_CHECK, JobKind.INVITATION_MAIL
GUESTS = [f"guest{number}@corp.example" for number in range(60)]


@contextmanager
def part(name: str, custom_settings: Settings, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`usher worker` or `usher scheduler`, until the end of the block."""
    environ = os.environ | environment(custom_settings) | {"USHER_WORKER_PROCESSES": "2"}
    command = [sys.executable, "-m", "shared.cli", name]
    with log.open("ab") as output:
        process = subprocess.Popen(command, env=environ, stdout=output, stderr=output, start_new_session=True)
    try:
        eventually(lambda: b"ready" in log.read_bytes(), within=40)
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)


def stopped(process: subprocess.Popen[bytes], *, within: float = 12) -> float:
    """Ask the process to stop. Returns the seconds it took."""
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert process.wait(within) == 0
    return time.monotonic() - began


def all_sent(world: World) -> bool:
    states = [job.state for job in world.jobs(MAIL)]
    return len(states) == len(GUESTS) and set(states) == {JobState.DONE}


def test_workers_killed_in_the_middle_of_their_work_lose_nothing(
    custom_settings: Settings, world: World, smtp: SmtpServer, tmp_path: Path
) -> None:
    world.invite_many(*GUESTS)
    with part("scheduler", custom_settings, tmp_path / "scheduler.log"):
        with part("worker", custom_settings, tmp_path / "worker.log") as worker:
            smtp.wait_for(lambda emails: len(emails) >= 10)
            for child in started_by(worker.pid):
                os.kill(child.pid, signal.SIGKILL)
            os.kill(worker.pid, signal.SIGKILL)
        with part("worker", custom_settings, tmp_path / "worker2.log"):
            eventually(lambda: all_sent(world), within=30)
    assert {mail.recipient for mail in smtp.emails} == set(GUESTS)
    assert len(smtp.emails) <= len(GUESTS) + 2  # Emails that each of the two processes had just sent.


def test_a_child_that_is_killed_is_replaced_and_idle_parts_stop_at_once(
    custom_settings: Settings, world: World, smtp: SmtpServer, tmp_path: Path
) -> None:
    with (
        part("scheduler", custom_settings, tmp_path / "scheduler.log") as scheduler,
        part("worker", custom_settings, tmp_path / "worker.log") as worker,
    ):
        for child in started_by(worker.pid):
            os.kill(child.pid, signal.SIGKILL)
        world.invite()
        smtp.wait_for(lambda emails: len(emails) == 1)
        assert stopped(worker) < 12
        assert stopped(scheduler) < 12


def test_a_stop_puts_back_what_a_silent_mail_server_keeps_waiting(
    custom_settings: Settings, world: World, smtp: SmtpServer, tmp_path: Path
) -> None:
    smtp.say("RCPT", SILENCE, times=10)
    world.invite_many(*GUESTS)
    with part("scheduler", custom_settings, tmp_path / "scheduler.log"):
        with part("worker", custom_settings, tmp_path / "worker.log") as worker:
            eventually(lambda: smtp.commands.count("RCPT") >= 2, within=20)
            assert stopped(worker) < 12
            assert started_by(worker.pid) == []
        states = {job.state for job in world.jobs(MAIL)}
        assert JobState.RUNNING not in states
        assert JobState.QUEUED in states


@pytest.mark.parametrize("name", ["worker", "scheduler"])
def test_a_part_starts_without_broker_and_database_and_stops_when_asked(
    name: str, custom_settings: Settings, world: World, tmp_path: Path
) -> None:
    away = {"broker_url": "redis://127.0.0.1:1/0", "database_url": "postgresql://no_one@127.0.0.1:1/nothing"}
    log = tmp_path / "part.log"
    log.write_bytes(b"ready")  # It isn't ready, since the test doesn't wait for that.
    with part(name, custom_settings.model_copy(update=away), log) as process:
        eventually(lambda: b"Connection refused" in log.read_bytes() or b"refused" in log.read_bytes(), within=40)
        process.terminate()
        # A stop before it handles signals ends it at once, with nothing in hand.
        assert process.wait(20) in {0, -signal.SIGTERM}
