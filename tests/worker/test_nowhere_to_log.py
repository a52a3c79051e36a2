"""Workers and schedulers whose standard error can't be written: a full disk, or a pipe without a reader."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from shared.models import JobState
from shared.settings.settings import Settings
from tests.cli.processes import eventually
from tests.conftest import environment
from tests.smtp_server import SmtpServer
from tests.worker.test_tasks import MAIL
from tests.worker.world import World


@contextmanager
def without_a_log(name: str, settings: Settings, kind: str) -> Iterator[subprocess.Popen[bytes]]:
    """The part, whose output goes to a full disk or to a pipe without a reader."""
    reading, writing = os.pipe()
    sink = writing if kind == "closed pipe" else os.open("/dev/full", os.O_WRONLY)
    custom_settings = os.environ | environment(settings) | {"USHER_LOG_LEVEL": "DEBUG"}
    process = subprocess.Popen(
        [sys.executable, "-m", "shared.cli", name], env=custom_settings, stdout=sink, stderr=sink
    )
    for each in {reading, writing, sink}:
        os.close(each)
    try:
        yield process
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    finally:
        process.kill()


@pytest.mark.parametrize("kind", ["full disk", "closed pipe"])
def test_what_can_not_be_logged_is_mailed_all_the_same(
    custom_settings: Settings, world: World, smtp: SmtpServer, tmp_path: Path, kind: str
) -> None:
    with (
        without_a_log("scheduler", custom_settings, kind) as scheduler,
        without_a_log("worker", custom_settings, kind) as worker,
    ):
        world.invite_many("bob@corp.example", "dora@corp.example")
        smtp.wait_for(lambda emails: len(emails) == 2, seconds=60)
        eventually(lambda: {job.state for job in world.jobs(MAIL)} == {JobState.DONE}, within=30)
        assert (scheduler.poll(), worker.poll()) == (None, None)
