"""`usher up` as a person runs it: a real process with real children, identified by their command lines."""

import json
import os
import signal
import socket
import subprocess
import sys
import sysconfig
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from processes import Process, alive, eventually, started_by

from shared.cli.embedded import postgres
from shared.cli.embedded.home import locked_home

USHER = Path(sysconfig.get_path("scripts")) / "usher"


class Up:
    """A running `usher up`, and its output until it was ready."""

    def __init__(self, folder: Path, *words: str) -> None:
        self.process = start(folder, *words)
        self.output: dict[str, str] = {}
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if "ready" in line:
                return
            name, _, value = line.partition(":")
            self.output[name] = value.strip()
        pytest.fail(f"it never got ready: {self.process.communicate()[1]}")

    def part(self, words: str) -> Process | None:
        """Its child whose command line contains these words."""
        children = [child for child in started_by(self.process.pid) if child.parent == self.process.pid]
        return next((child for child in children if words in child.command), None)

    def stop(self, number: int = signal.SIGINT) -> None:
        family = started_by(self.process.pid)
        self.process.send_signal(number)
        self.process.communicate(timeout=10)
        eventually(lambda: not any(alive(child.pid) for child in family), within=10)


def start(folder: Path, *words: str, **more: str) -> subprocess.Popen[str]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("USHER_")} | more
    arguments = [sys.executable, str(USHER), "up", "--port", "0", "--data-dir", str(folder), *words]
    pipe = subprocess.PIPE
    return subprocess.Popen(arguments, env=environ, stdout=pipe, stderr=pipe, text=True, start_new_session=True)


def complaint(folder: Path, *words: str, **more: str) -> str:
    """The one line with which it refuses to start."""
    process = start(folder, *words, **more)
    out, complained = process.communicate(timeout=30)
    assert (process.returncode, out) == (1, "")
    (line,) = complained.splitlines()
    return line


def call(url: str, path: str, **body: str) -> int:
    """Post the body, or get the path without a body. Returns the status."""
    data = json.dumps(body).encode() if body else None
    request = urllib.request.Request(url + path, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return int(answer.status)


def ready(up: Up) -> bool:
    try:
        return call(up.output["URL"], "/readyz") == 200
    except OSError:
        return False


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("up") / "data"


@pytest.fixture(scope="module")
def first(folder: Path) -> Iterator[Up]:
    up = Up(folder)
    yield up
    if up.process.poll() is None:
        up.stop()


def signs_in(up: Up) -> bool:
    return call(up.output["URL"], "/v1/sessions", email=up.output["Demo owner"], password=up.output["Password"]) == 201


def test_the_demo_owner_signs_in_with_what_was_printed(first: Up) -> None:
    assert signs_in(first)


def test_each_part_is_the_process_that_production_runs(first: Up) -> None:
    assert all(first.part(words) for words in ("usher web", "usher worker", "usher scheduler", "usher mail-catcher"))


@pytest.mark.parametrize("words", ["usher web", "usher worker", "valkey-server", "bin/postgres"])
def test_a_killed_part_is_started_again_and_all_works_as_before(first: Up, words: str) -> None:
    killed = first.part(words)
    assert killed is not None
    os.kill(killed.pid, signal.SIGKILL)
    eventually(lambda: (now := first.part(words)) and now.pid != killed.pid)
    eventually(lambda: ready(first), within=20)
    assert signs_in(first)


def test_a_second_one_on_the_same_folder_is_refused(first: Up, folder: Path) -> None:
    assert complaint(folder).startswith(f"Another `usher up` uses {folder}")


def test_a_port_in_use_is_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert f"port {port}: Address already in use" in complaint(tmp_path / "data", "--port", port)


def test_missing_programs_are_one_line(tmp_path: Path) -> None:
    assert "USHER_POSTGRES_BIN" in complaint(tmp_path / "data", USHER_POSTGRES_BIN=str(tmp_path))


def test_a_setting_that_makes_no_sense_is_refused_before_anything_starts(tmp_path: Path) -> None:
    elsewhere = {"USHER_DATABASE_URL": "postgresql://127.0.0.1:9/none", "USHER_BROKER_URL": "redis://127.0.0.1:9"}
    process = start(tmp_path / "data", USHER_INVITATION_TTL="soon", **elsewhere)
    _, complained = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "USHER_INVITATION_TTL" in complained


def test_after_ctrl_c_nothing_is_left_and_the_next_start_finds_everything_again(first: Up, folder: Path) -> None:
    first.stop(signal.SIGINT)
    second = Up(folder)
    kept = ("Demo owner", "Password", "Account", "API key", "Operator key")
    assert {name: second.output[name] for name in kept} == {name: first.output[name] for name in kept}
    assert signs_in(second)
    # A killed one leaves nothing behind either, if the kernel notifies its children.
    second.stop(signal.SIGKILL if sys.platform == "linux" else signal.SIGTERM)


def test_a_damaged_database_is_one_line(tmp_path: Path) -> None:
    with locked_home(tmp_path / "data") as home:
        postgres.prepare(home.folder / "postgres", durable=False)
    (home.folder / "postgres" / "global" / "pg_control").unlink()
    assert "postgres doesn't start" in complaint(home.folder)
