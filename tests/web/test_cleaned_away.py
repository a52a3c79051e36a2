"""The temporary folder is cleaned while the service runs, or its logs can't be written: it keeps working."""

import os
import shutil
from pathlib import Path

import pytest

from shared.settings.environment import METRICS_FOLDER
from tests.cli.processes import eventually
from tests.web.raw import RawServer, raw_server
from tests.web.test_slow_senders import SETTINGS

COUNTED = b"usher_http_requests_total"


def counts(server: RawServer, route: str) -> float:
    """The number of requests to a route that the server reports."""
    found = server.ask("/metrics")
    assert found.startswith(b"HTTP/1.1 200"), found
    lines = [
        line for line in found.decode().splitlines() if line.startswith("usher_http_requests_total") and route in line
    ]
    return sum(float(line.split()[-1]) for line in lines)


@pytest.mark.parametrize("whole", [True, False], ids=["the folder", "its files"])
def test_cleaning_the_temporary_folder_stops_neither_answers_nor_figures(tmp_path: Path, whole: bool) -> None:
    folder = tmp_path / "figures"
    folder.mkdir()
    with raw_server(SETTINGS, tmp_path, **{METRICS_FOLDER: str(folder)}) as server:
        server.ask("/nowhere")
        assert counts(server, 'route="none"') >= 1
        if whole:
            shutil.rmtree(folder)
        else:
            for file in folder.iterdir():
                file.unlink()
        assert server.ask("/nowhere").startswith(b"HTTP/1.1 404")
        assert server.ask("/v1/sessions", method="POST", body=b"{}").startswith(b"HTTP/1.1 422")
        # Within a second, counting restarts from zero.
        eventually(lambda: server.ask("/nowhere") and counts(server, 'route="none"') >= 1)
        assert "Traceback" not in server.log.read_text()


@pytest.mark.skipif(os.geteuid() == 0, reason="Nothing keeps root from making folders")
def test_without_any_folder_it_counts_for_itself(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    with raw_server(SETTINGS, tmp_path, **{METRICS_FOLDER: str(closed / "figures")}) as server:
        assert server.ask("/nowhere").startswith(b"HTTP/1.1 404")
        assert server.ask("/metrics").startswith(b"HTTP/1.1 200")


def test_a_web_server_whose_log_is_on_a_full_disk_answers_and_ends_well(tmp_path: Path) -> None:
    with raw_server(SETTINGS, tmp_path, output="/dev/full", USHER_LOG_LEVEL="DEBUG") as server:
        assert server.ask("/readyz").startswith(b"HTTP/1.1 503")
        assert server.ask("/v1/me").startswith(b"HTTP/1.1 401")
        server.process.terminate()
        assert server.process.wait(15) == 0
