"""The parts that benchmarks run against: a PostgreSQL with the schema, and granian as in production."""

import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from shared.cli.embedded import postgres, valkey
from shared.cli.embedded.process import running
from shared.cli.embedded.stack import free_port
from shared.migrations.upgrade import upgrade

SECRET_KEY = "a-secret-key-of-the-benches-and-of-nothing-else"
OPERATOR_KEY = "an-operator-key-of-the-benches"
NOWHERE, NO_MAIL = "redis://127.0.0.1:9/0", "smtp://127.0.0.1:9?starttls=off"
_PROGRAMS = Path(sys.executable).parent


@contextmanager
def database() -> Iterator[str]:
    """The address of a new database with the newest schema."""
    with tempfile.TemporaryDirectory(prefix="usher-bench-") as folder:
        server = postgres.prepare(Path(folder) / "postgres", durable=False)
        with running(server, Path(folder) / "postgres.log"):
            upgrade(server.url)
            yield server.url


@contextmanager
def broker() -> Iterator[str]:
    """The address of a new Valkey."""
    with tempfile.TemporaryDirectory(prefix="usher-bench-") as folder:
        server = valkey.prepare(Path(folder) / "valkey")
        with running(server, Path(folder) / "valkey.log"):
            yield server.url


def environment(
    database_url: str, broker_url: str = NOWHERE, smtp_url: str = NO_MAIL, **settings: Any
) -> dict[str, str]:
    """The environment variables of a part of the service."""
    variables = {
        "database_url": database_url,
        "broker_url": broker_url,
        "smtp_url": smtp_url,
        "mail_from": "usher@corp.example",
        "public_url": "http://localhost:8000",
        "secret_keys": SECRET_KEY,
        "operator_key": OPERATOR_KEY,
        "log_level": "WARNING",
        **settings,
    }
    return os.environ | {f"USHER_{name.upper()}": str(value) for name, value in variables.items()}


@contextmanager
def web(database_url: str, *, processes: int, threads: int, broker_url: str = NOWHERE) -> Iterator[tuple[str, int]]:
    """The host and port of a web server on this database."""
    port = free_port("127.0.0.1")
    variables = environment(database_url, broker_url, web_port=port, web_processes=processes, web_threads=threads)
    with _serving(["usher", "web"], variables, port) as address:
        yield address


@contextmanager
def process(command: Sequence[str], environ: Mapping[str, str]) -> Iterator[None]:
    """Run a program of the virtual environment until the end of the block."""
    program, *arguments = command
    running = subprocess.Popen([str(_PROGRAMS / program), *arguments], env=environ)
    try:
        yield
    finally:
        running.terminate()
        running.wait(30)


@contextmanager
def minimal(database_url: str, *, processes: int, threads: int) -> Iterator[tuple[str, int]]:
    """The host and port of the bare views on this database, under the same server."""
    port = free_port("127.0.0.1")
    command = ["granian", "--interface", "wsgi", "--factory", "tests.bench.bare:application"]
    command += ["--port", str(port), "--workers", str(processes), "--blocking-threads", str(threads)]
    command += ["--no-ws", "--log-level", "warning"]
    with _serving(command, os.environ | {"USHER_DATABASE_URL": database_url}, port) as address:
        yield address


@contextmanager
def _serving(command: list[str], environ: Mapping[str, str], port: int) -> Iterator[tuple[str, int]]:
    with process(command, environ):
        wait_for(port)
        yield "127.0.0.1", port


def wait_for(port: int) -> None:
    """Wait until the server at this port reports that it is ready."""
    deadline = time.monotonic() + 30
    while True:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2).close()
        except (urllib.error.URLError, OSError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return
