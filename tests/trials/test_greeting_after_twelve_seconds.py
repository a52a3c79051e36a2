"""An SMTP server whose greeting takes twelve seconds, as with servers that look callers up first."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner

from shared.cli import main
from shared.models import JobState
from shared.settings.settings import Settings
from tests.cli.processes import eventually
from tests.conftest import environment
from tests.late_greeting import late_greeting
from tests.smtp_server import SmtpServer
from tests.worker.conftest import (
    custom_settings,  # noqa: F401
    smtp,  # noqa: F401
    world,  # noqa: F401
)
from tests.worker.test_processes import part
from tests.worker.test_tasks import MAIL
from tests.worker.world import World


def test_a_greeting_after_twelve_seconds_delays_mail_and_stops_none(
    settings: Settings,
    world: World,  # noqa: F811
    smtp: SmtpServer,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with late_greeting(urlsplit(smtp.url()).port or 0, seconds=12) as port:
        slow = settings.model_copy(update={"smtp_url": f"smtp://127.0.0.1:{port}?starttls=off"})
        world.invite_many("bob@corp.example", "dora@other.example")
        with part("scheduler", slow, tmp_path / "scheduler.log"), part("worker", slow, tmp_path / "worker.log"):
            smtp.wait_for(lambda emails: len(emails) == 2, seconds=90)
            eventually(lambda: {job.state for job in world.jobs(MAIL)} == {JobState.DONE}, within=30)
        for name, value in environment(slow).items():
            monkeypatch.setenv(name, value)
        assert "is ready, without TLS" in CliRunner().invoke(main, ["doctor"]).output
