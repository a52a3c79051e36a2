"""The web server as a process."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from shared.cli.embedded.stack import free_port
from shared.settings.settings import Settings
from tests.cli.processes import eventually, started_by
from tests.conftest import environment


def test_a_server_that_is_stopped_while_it_starts_has_not_to_be_killed(settings: Settings, tmp_path: Path):
    """The stop signal reaches its worker while it is still loading."""
    variables = environment(settings) | {"USHER_WEB_PORT": str(free_port("127.0.0.1"))}
    log = tmp_path / "web.log"
    with log.open("wb") as output:
        command = [sys.executable, "-m", "shared.cli", "web"]
        server = subprocess.Popen(command, env=os.environ | variables, stdout=output, stderr=output)
    try:
        eventually(lambda: started_by(server.pid))
        server.send_signal(signal.SIGTERM)
        assert server.wait(20) == 0
    finally:
        server.kill()
    assert "Started" not in log.read_text()
    assert "refused" not in log.read_text()
