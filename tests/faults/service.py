"""The whole service as processes of their own, each of which can be killed and is then started again at once."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy.orm import Session

from shared import config
from shared.cli import demo
from shared.cli.database import bring_up_to_date, command_transaction
from shared.cli.embedded import postgres, valkey
from shared.cli.embedded.foundation import free_port, usher
from shared.cli.embedded.process import Command, Server, end, start, wait_until
from tests.dns_server import DnsServer
from tests.faults.client import Client

PASSWORD, OPERATOR_KEY = "correct horse battery", "the-operator-key-of-the-faults"


@dataclass
class Part:
    """One process that is kept running; `deaths` are the moments at which we killed it."""

    command: Command
    log: Path
    process: subprocess.Popen[bytes] | None = None
    held_down: bool = False
    log_size: int = 0
    deaths: list[float] = field(default_factory=list)


class Service:
    """PostgreSQL, Valkey, a mail server, web, workers and scheduler in one folder; use it in a `with` block."""

    def __init__(self, folder: Path, *, workers: int = 2, sink: dict[str, Any] | None = None, **settings: str) -> None:
        self.folder, self.ledger = folder, folder / "ledger.jsonl"
        folder.mkdir(parents=True, exist_ok=True)
        self._database = postgres.prepare(folder / "postgres")
        self._broker = valkey.prepare(folder / "valkey")
        self._names = DnsServer()
        smtp_port, web_port = free_port("127.0.0.1"), free_port("127.0.0.1")
        self.environ = {
            "PATH": os.environ["PATH"],
            "USHER_DATABASE_URL": self._database.url,
            "USHER_BROKER_URL": self._broker.url,
            "USHER_SMTP_URL": f"smtp://127.0.0.1:{smtp_port}?starttls=off",
            "USHER_MAIL_FROM": "Usher <usher@corp.example>",
            "USHER_PUBLIC_URL": f"http://127.0.0.1:{web_port}",
            "USHER_WEB_PORT": str(web_port),
            "USHER_SECRET_KEYS": "a-secret-key-of-the-faults-and-of-nothing-else",
            "USHER_OPERATOR_KEY": OPERATOR_KEY,
            "USHER_DNS_SERVERS": "{}:{}".format(*self._names.address),
        } | {f"USHER_{name.upper()}": value for name, value in settings.items()}
        self.settings = config.load(self.environ)
        script = json.dumps({"seed": 1} | (sink or {}))
        sink_command = (sys.executable, "-m", "tests.faults.sink", str(smtp_port), str(self.ledger), script)
        self.parts: dict[str, Part] = {
            "postgres": self._part("postgres", self._database.command),
            "valkey": self._part("valkey", self._broker.command),
            "sink": self._part("sink", Command(sink_command, dict(os.environ))),
            "web": self._part("web", usher("web", environment=self.environ)),
            "scheduler": self._part("scheduler", usher("scheduler", environment=self.environ)),
        } | {f"worker{n}": self._part(f"worker{n}", usher("worker", environment=self.environ)) for n in range(workers)}
        self._closed = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="keeper")

    def __enter__(self) -> "Service":
        self.ledger.touch()
        self._names.__enter__()
        for name, server in (("postgres", self._database), ("valkey", self._broker)):
            self._start(name, server)
        bring_up_to_date(self.settings)
        with command_transaction(self.settings) as session:
            made = demo.put_in_place(session, password=PASSWORD, api_key=None)
        self.client = Client(self.settings.web_port, made.account_id, made.api_key)
        self._keeper.start()
        assert wait_until(self.client.ready, within=60)
        return self

    def __exit__(self, *exc: object) -> None:
        self._closed.set()
        self._keeper.join()
        self.client.close()
        self._names.__exit__(None, None, None)
        for name in ("web", "scheduler", *(part for part in self.parts if part.startswith("worker")), "sink"):
            self.send(name, signal.SIGTERM)
        for part in reversed(list(self.parts.values())):
            if part.process is not None:
                with suppress(ProcessLookupError):
                    part.process.send_signal(part.command.stop_signal)
                end(part.process, within=10)

    @contextmanager
    def session(self) -> Iterator[Session]:
        with command_transaction(self.settings) as session:
            yield session

    def rows(self, query: str) -> list[Any]:
        """What the database says, asked until it answers."""
        deadline = time.monotonic() + 30
        while True:
            try:
                with psycopg.connect(self._database.url) as connection:
                    return connection.execute(query.encode()).fetchall()
            except psycopg.OperationalError:
                assert time.monotonic() < deadline
                time.sleep(0.1)

    def lines(self) -> list[dict[str, Any]]:
        """The ledger."""
        whole = self.ledger.read_text().rpartition("\n")[0]
        return [json.loads(line) for line in whole.splitlines()]

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> None:
        """Kill a part and all it has started; it is started again at once."""
        self.parts[name].deaths.append(time.time())
        self.send(name, number, group=number == signal.SIGKILL)

    def send(self, name: str, number: signal.Signals, *, group: bool = False) -> None:
        process = self.parts[name].process
        if process is not None:
            with suppress(ProcessLookupError):
                (os.killpg if group else os.kill)(process.pid, number)

    def hold_down(self, name: str) -> None:
        """Kill a part, and start it again only when `let_up` says so."""
        self.parts[name].held_down = True
        self.kill(name)

    def let_up(self, name: str) -> None:
        self.parts[name].held_down = False

    def alive(self, name: str) -> bool:
        process = self.parts[name].process
        return process is not None and process.poll() is None

    def is_at_work(self, name: str) -> bool:
        """Whether a worker or scheduler has come as far as doing something since it was started."""
        part = self.parts[name]
        return self.alive(name) and b"ready" in part.log.read_bytes()[part.log_size :]

    def _part(self, name: str, command: Command) -> Part:
        return Part(command, self.folder / f"{name}.log")

    def _start(self, name: str, server: Server) -> None:
        part = self.parts[name]
        part.process = start(part.command, part.log)
        assert wait_until(server.answers, within=30), f"{name} does not start"

    def _keep(self) -> None:
        """Start what is not there. One thread for all of them: they end with the thread that started them."""
        while not self._closed.wait(0.05):
            for part in self.parts.values():
                if not part.held_down and (part.process is None or part.process.poll() is not None):
                    part.log_size = part.log.stat().st_size if part.log.exists() else 0
                    part.process = start(part.command, part.log)
