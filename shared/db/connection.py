"""Connections to PostgreSQL that never wait forever: time limits on the server, in TCP and in the client.

A host that loses power closes no connection, and TCP alone would keep trying for a quarter of an hour. Keepalives
notice within 6 s while the client waits for an answer, and `tcp_user_timeout` while it sends. Every connection has
both. The client's own limit covers a server, or a proxy in front of it, that still acknowledges packets and does
nothing else.
"""

import select
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.errors import _WaitTimeout
from psycopg.pq import ConnStatus

from shared.circuit_breaker import CircuitBreaker
from shared.errors import CannotRun


@dataclass(frozen=True, slots=True)
class Limits:
    """Time limits of one component, in whole seconds; 0 means no limit.

    The server cancels a statement after `statement`, a wait for a lock after `lock`, and a transaction that does
    nothing after `idle_transaction`. The client closes the connection if no answer has come after `answer`.
    """

    statement: int
    lock: int
    idle_transaction: int
    answer: int


# A request is answered within 10 s in all cases. No one waits for workers and commands.
WEB = Limits(statement=6, lock=3, idle_transaction=60, answer=8)
WORKER = Limits(statement=60, lock=10, idle_transaction=60, answer=70)
COMMAND = Limits(statement=0, lock=30, idle_transaction=0, answer=0)

_TCP = {
    "connect_timeout": 3,
    "keepalives": 1,
    "keepalives_idle": 3,
    "keepalives_interval": 1,
    "keepalives_count": 3,
    "tcp_user_timeout": 5000,
}

# The server's limits for a client whose host vanished: its locks are free again after half a minute.
_TCP_OF_THE_SERVER = {
    "tcp_keepalives_idle": 15,
    "tcp_keepalives_interval": 5,
    "tcp_keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}

_INTERVAL = 0.1


class Connection(psycopg.Connection[Any]):
    """A connection that closes itself if the server leaves a statement unanswered for too long."""

    breaker: CircuitBreaker | None = None
    patience: float | None = None
    opened_at = 0.0

    def wait(self, gen: Any, interval: float = _INTERVAL, timeout: float | None = None) -> Any:
        """Wait for the server. Raises psycopg's `OperationalError` after `patience` seconds."""
        began = time.monotonic()
        try:
            return super().wait(gen, interval, self.patience if timeout is None else timeout)
        except _WaitTimeout:
            if timeout is not None:
                raise
            self.close()
            self._failed(began)
            raise psycopg.OperationalError(f"the database gave no answer for {self.patience:.0f} s") from None
        except psycopg.OperationalError:
            if self.pgconn.status == ConnStatus.BAD:
                self._failed(began)
            raise

    @property
    def gone(self) -> bool:
        """True if the server closed this connection, or stopped answering after it was opened.

        An idle connection has nothing to read unless the server closed it, so one look at the socket replaces the round
        trip of SQLAlchemy's `pool_pre_ping`.
        """
        if self.closed or (self.breaker is not None and self.breaker.opened_at > self.opened_at):
            return True
        poller = select.poll()
        poller.register(self.fileno(), select.POLLIN)
        return bool(poller.poll(0))

    def _failed(self, began: float) -> None:
        if self.breaker is not None:
            self.breaker.failed(since=began)


AnyConnection = TypeVar("AnyConnection", bound=Connection)


class Connector:
    """Opens connections to one database for one component. Safe to share between threads.

    `settings` are PostgreSQL settings for each connection. Options in the URL, such as `?connect_timeout=10` or
    `?options=-c statement_timeout=20s`, override all of them.
    """

    def __init__(self, url: str, limits: Limits, settings: Mapping[str, Any]) -> None:
        try:
            self._url = conninfo_to_dict(url)
        except psycopg.Error:
            # libpq quotes the part that it can't parse, which may include some of the password.
            raise CannotRun("USHER_DATABASE_URL can't be read as the address of a PostgreSQL database.") from None
        self._limits = limits
        self._settings = {**_settings_for(limits), **settings}
        self._breaker = CircuitBreaker()
        self._answered: tuple[str, str] | None = None

    def connect(
        self, kind: type[AnyConnection], settings: Mapping[str, Any] | None = None, **driver: Any
    ) -> AnyConnection:
        """Open a connection. Raises psycopg's `OperationalError`, at once if the server was silent a moment ago."""
        if not self._breaker.admits():
            raise psycopg.OperationalError("the database did not answer a moment ago")
        began = time.monotonic()
        try:
            made = kind.connect(**self._parameters({**self._settings, **(settings or {})}), **driver)
        except psycopg.OperationalError:
            self._breaker.failed(since=began)
            raise
        self._breaker.succeeded()
        self._answered = made.info.host, str(made.info.port)
        made.breaker, made.opened_at = self._breaker, time.monotonic()
        made.patience = self._limits.answer or None
        return made

    def _parameters(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        options = " ".join(f"-c {name}={value}" for name, value in settings.items())
        own = {"options": f"{options} {self._url.get('options', '')}".strip()}
        return {"application_name": "usher"} | _TCP | self._url | own | self._hosts()

    def _hosts(self) -> dict[str, str]:
        """With several hosts, try the last one that answered first, so no connection waits for an unreachable host."""
        hosts = str(self._url.get("host", "")).split(",")
        if len(hosts) < 2 or self._answered is None or "hostaddr" in self._url:
            return {}
        ports = str(self._url.get("port", "5432")).split(",")
        ports = ports * len(hosts) if len(ports) == 1 else ports
        host, port = self._answered
        return {"host": ",".join([host, *hosts]), "port": ",".join([port, *ports])}


def _settings_for(limits: Limits) -> dict[str, Any]:
    return _TCP_OF_THE_SERVER | {
        "statement_timeout": f"{limits.statement}s",
        "lock_timeout": f"{limits.lock}s",
        "idle_in_transaction_session_timeout": f"{limits.idle_transaction}s",
    }
