"""Driver-level connections on which each statement is its own transaction."""

from collections import deque
from collections.abc import Callable
from typing import Any, NewType

import psycopg
from sqlalchemy.orm import Session

from shared.db.connection import Connection, Connector


class AutocommitConnection(Connection):
    """A driver-level connection in autocommit mode: each statement is its own transaction.

    `enqueued` collects the kinds and ids of the jobs written through this connection until the caller takes them to
    dispatch them.
    """

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.enqueued: list[tuple[Any, str]] = []
        self._kept_cursor: psycopg.Cursor[Any] | None = None

    def fetch(self, statement: bytes, values: Any) -> list[Any]:
        """Run the statement and return its rows."""
        return self.run(statement, values).fetchall()

    def defer(self, statement: bytes, values: Any) -> Callable[[], list[Any]]:
        """Run the statement and return a function that fetches its rows. Within a pipeline nothing waits until it is
        called.
        """
        return self.cursor().execute(statement, values).fetchall

    def run(self, statement: bytes, values: Any = None) -> psycopg.Cursor[Any]:
        """Run the statement. Within a pipeline nothing waits for it, and its error appears at the next fetch."""
        if self._kept_cursor is None:
            self._kept_cursor = self.cursor()
        return self._kept_cursor.execute(statement, values)


PipelinedTransaction = NewType("PipelinedTransaction", AutocommitConnection)
"""A connection between BEGIN and COMMIT. `web.database.pipelined_transaction` alone opens one."""

InTransaction = PipelinedTransaction | Session
"""Where several statements hold together or not at all. mypy refuses a connection that commits each by itself."""

SessionOrConnection = AutocommitConnection | Session
"""A connection for single statements, or a session for statements within its transaction."""


def run_statement(connection: SessionOrConnection, statement: str, values: Any) -> list[Any]:
    """Run handwritten SQL and return its rows as the driver gives them. On an autocommit connection it must return
    rows.

    A session flushes its pending writes first and runs the statement within its transaction.
    """
    if isinstance(connection, Session):
        connection.flush()
        result = connection.connection().exec_driver_sql(statement, values)
        # SQLAlchemy's own rows would arrive one by one and take three times as long.
        return list(result.cursor.fetchall()) if result.cursor is not None and result.returns_rows else []
    return connection.fetch(statement.encode(), values)


# By default PostgreSQL plans each query again, which takes three times as long as answering it.
_PREPARED_CONNECT_ARGS = {"plan_cache_mode": "force_generic_plan"}


class AutocommitPool:
    """A pool of autocommit connections for `PreparedQuery`s. It grows to as many as are in use at once and keeps them.

    Each statement is its own transaction, so it sees everything committed before it.
    """

    def __init__(self, connector: Connector) -> None:
        self._connector = connector
        self._idle: deque[AutocommitConnection] = deque()

    def acquire(self) -> AutocommitConnection:
        """A connection for one thread until it is released. Raises psycopg's `OperationalError`."""
        while self._idle:
            try:
                connection = self._idle.pop()
            except IndexError:
                break  # another thread took it
            if not connection.gone:
                return connection
            connection.close()
        return self._connector.connect(AutocommitConnection, _PREPARED_CONNECT_ARGS, autocommit=True)

    def release(self, connection: AutocommitConnection) -> None:
        """Return the connection to the pool."""
        self._idle.append(connection)

    def close(self) -> None:
        """Close the idle connections."""
        while self._idle:
            self._idle.pop().close()
