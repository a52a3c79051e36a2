"""The whole service as separate processes, on one host or on several, over one database, broker and mail server."""

import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from string import digits
from typing import Any

import psycopg
from sqlalchemy.orm import Session

from shared.cli import demo
from shared.cli.database import bring_up_to_date, command_transaction
from shared.cli.embedded import postgres, valkey
from shared.cli.embedded.process import Command, wait_until
from shared.cli.embedded.stack import free_port, usher
from shared.settings import loading
from tests.dns_server import DnsServer
from tests.faults.client import Client
from tests.faults.parts import Parts

PASSWORD, OPERATOR_KEY = "correct horse battery", "the-operator-key-of-the-faults"


class Service(Parts):
    """PostgreSQL, Valkey, an SMTP server, web, workers and scheduler in one folder. Use it in a `with` block.

    Each host is a group of web, scheduler and workers, with its own address and journal. With several hosts, the names
    of the parts include the address: `web@127.0.0.2`.
    """

    def __init__(
        self,
        folder: Path,
        *,
        workers: int = 2,
        hosts: Sequence[str] = ("127.0.0.1",),
        sink: dict[str, Any] | None = None,
        **settings: str,
    ) -> None:
        super().__init__(folder)
        self.ledger, self.hosts = folder / "ledger.jsonl", hosts
        folder.mkdir(parents=True, exist_ok=True)
        self._database = postgres.prepare(folder / "postgres")
        self._broker = valkey.prepare(folder / "valkey")
        self._names = DnsServer()
        smtp_port, web_port = free_port("127.0.0.1"), free_port(hosts[0])
        self.environ = {
            "PATH": os.environ["PATH"],
            "USHER_DATABASE_URL": self._database.url,
            "USHER_BROKER_URL": self._broker.url,
            "USHER_SMTP_URL": f"smtp://127.0.0.1:{smtp_port}?starttls=off",
            "USHER_MAIL_FROM": "Usher <usher@corp.example>",
            "USHER_PUBLIC_URL": f"http://{hosts[0]}:{web_port}",
            "USHER_WEB_PORT": str(web_port),
            "USHER_SECRET_KEYS": "a-secret-key-of-the-faults-and-of-nothing-else",
            "USHER_OPERATOR_KEY": OPERATOR_KEY,
            "USHER_DNS_SERVERS": "{}:{}".format(*self._names.address),
            # These tests are about surviving faults, not about limits.
            "USHER_INVITATIONS_PER_HOUR": "10000000",
            "USHER_INVITATIONS_PER_DAY": "10000000",
            "USHER_INVITATIONS_PER_INVITER": "10000000",
            "USHER_INVITATIONS_OPEN": "10000000",
            "USHER_NEW_DOMAINS_PER_DAY": "10000000",
            "USHER_EMAILS_PER_RECIPIENT": "10000000",
        } | {f"USHER_{name.upper()}": value for name, value in settings.items()}
        self.settings = loading.load(self.environ)
        script = json.dumps({"seed": 1} | (sink or {}))
        sink_command = (sys.executable, "-m", "tests.faults.sink", str(smtp_port), str(self.ledger), script)
        self._add("postgres", self._database.command)
        self._add("valkey", self._broker.command)
        self._add("sink", Command(sink_command, dict(os.environ)))
        for host in hosts:
            self._add_host(host, workers)

    def _add_host(self, host: str, workers: int) -> None:
        own = {"USHER_WEB_HOST": host, "USHER_JOURNAL_DIR": str(self.folder / f"journal@{host}")}
        ending = f"@{host}" if len(self.hosts) > 1 else ""
        for name in ("web", "scheduler", *(f"worker{number}" for number in range(workers))):
            self._add(name + ending, usher(name.rstrip(digits), environment=self.environ | own))

    def __enter__(self) -> "Service":
        self.ledger.touch()
        self._names.__enter__()
        for name, server in (("postgres", self._database), ("valkey", self._broker)):
            self._start(name, server)
        bring_up_to_date(self.settings)
        with command_transaction(self.settings) as session:
            made = demo.ensure_demo(session, password=PASSWORD, api_key=None)
        self._owner = made
        self.client = self.client_of(*self.hosts)
        self._keeper.start()
        assert wait_until(self.client.ready, within=60)
        return self

    def __exit__(self, *exc: object) -> None:
        self.client.close()
        self._names.__exit__(None, None, None)
        self._stop(last=frozenset({"postgres", "valkey"}))

    def client_of(self, *hosts: str) -> Client:
        """A client of these hosts and no others."""
        places = [(host, self.settings.web_port) for host in hosts]
        return Client(places, self._owner.account_id, self._owner.api_key)

    def on(self, host: str) -> list[str]:
        """The names of a host's parts."""
        return [name for name in self.parts if name.endswith(f"@{host}")]

    @contextmanager
    def session(self) -> Iterator[Session]:
        with command_transaction(self.settings) as session:
            yield session

    def rows(self, query: str) -> list[Any]:
        """Run a query, and retry until the database answers."""
        deadline = time.monotonic() + 30
        while True:
            try:
                with psycopg.connect(self._database.url) as connection:
                    return connection.execute(query.encode()).fetchall()
            except psycopg.OperationalError:
                assert time.monotonic() < deadline
                time.sleep(0.1)

    def lines(self) -> list[dict[str, Any]]:
        """The lines of the ledger."""
        whole = self.ledger.read_text().rpartition("\n")[0]
        return [json.loads(line) for line in whole.splitlines()]
