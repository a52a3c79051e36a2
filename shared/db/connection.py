"""Connections to PostgreSQL that never wait for ever: time limits on the server, in TCP, and in the client.

A host that loses power closes no connection, and TCP by itself would go on for a quarter of an hour. Keepalives notice
within 6 s while we wait for an answer, `tcp_user_timeout` while we send; both stand on every connection. A server that
still acknowledges packets and does nothing else, or sits behind a proxy that does, meets the client's own limit.
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
    """How long one part waits, in whole seconds; 0 is for ever.

    The server ends a statement after `statement`, a wait for a lock after `lock`, and a transaction in which nothing
    happens after `idle_transaction`. The client gives the connection up when no answer has come for `answer`.
    """

    statement: int
    lock: int
    idle_transaction: int
    answer: int


# A request is answered within 10 s, come what may. The others have nobody who waits for them.
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

# The server's view of a client whose host vanished: what it held locked is free again after half a minute.
_TCP_OF_THE_SERVER = {
    "tcp_keepalives_idle": 15,
    "tcp_keepalives_interval": 5,
    "tcp_keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}

_INTERVAL = 0.1


class Connection(psycopg.Connection[Any]):
    """A connection that is closed when the server leaves a statement without an answer for too long."""

    breaker: CircuitBreaker | None = None
    patience: float | None = None
    opened_at = 0.0

    def wait(self, gen: Any, interval: float = _INTERVAL, timeout: float | None = None) -> Any:
        """Wait for the server; raises psycopg's `OperationalError` once the patience has run out."""
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
        """Whether the server has closed this connection, or vanished since it was opened.

        An idle connection has nothing to read unless the server said goodbye, so one look at the socket answers what
        SQLAlchemy's `pool_pre_ping` asks with a round trip.
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
    """Opens connections to one database for one part; safe to share between threads.

    `settings` are PostgreSQL's own, for the length of each connection. What the URL says itself, such as
    `?connect_timeout=10` or `?options=-c statement_timeout=20s`, counts more than all of them.
    """

    def __init__(self, url: str, limits: Limits, settings: Mapping[str, Any]) -> None:
        try:
            self._url = conninfo_to_dict(url)
        except psycopg.Error:
            # libpq quotes what it can't read, and that may be a piece of the password.
            raise CannotRun("USHER_DATABASE_URL can't be read as the address of a PostgreSQL database.") from None
        self._limits = limits
        self._settings = {**_settings_for(limits), **settings}
        self._breaker = CircuitBreaker()
        self._answered: tuple[str, str] | None = None

    def connect(
        self, kind: type[AnyConnection], settings: Mapping[str, Any] | None = None, **driver: Any
    ) -> AnyConnection:
        """A new connection; raises psycopg's `OperationalError`, at once where the server was silent a moment ago."""
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
        """Of several hosts, the one that answered last in front: else each connection waits for one that is away."""
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
