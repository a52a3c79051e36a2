"""Connections of the driver's own, on which each statement is a transaction by itself."""

from collections import deque
from collections.abc import Callable
from typing import Any, NewType

import psycopg
from sqlalchemy.orm import Session

from shared.db.connection import Connection, Connector


class AutocommitConnection(Connection):
    """A connection of the driver's own: each of its statements is a transaction by itself.

    `enqueued` are the kinds and ids of the jobs that were written over it, until somebody takes them to ring for them.
    """

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.enqueued: list[tuple[Any, str]] = []
        self._kept_cursor: psycopg.Cursor[Any] | None = None

    def fetch(self, statement: bytes, values: Any) -> list[Any]:
        """The rows that the statement answers."""
        return self.run(statement, values).fetchall()

    def defer(self, statement: bytes, values: Any) -> Callable[[], list[Any]]:
        """The rows that the statement answers, for whoever asks: until then nobody within a pipeline waits for them."""
        return self.cursor().execute(statement, values).fetchall

    def run(self, statement: bytes, values: Any = None) -> psycopg.Cursor[Any]:
        """Run the statement. Within a pipeline nobody waits for it: what it fails with comes with the next answer."""
        if self._kept_cursor is None:
            self._kept_cursor = self.cursor()
        return self._kept_cursor.execute(statement, values)


PipelinedTransaction = NewType("PipelinedTransaction", AutocommitConnection)
"""A connection between BEGIN and COMMIT. `web.database.pipelined_transaction` alone opens one."""

InTransaction = PipelinedTransaction | Session
"""Where several statements hold together or not at all. mypy refuses a connection that commits each by itself."""

SessionOrConnection = AutocommitConnection | Session
"""What a question is asked of, or told what to write: by itself, or within a transaction."""


def run_statement(connection: SessionOrConnection, statement: str, values: Any) -> list[Any]:
    """The rows that a statement of our own answers, as the driver gives them; by itself it has to answer some.

    A session runs it within its transaction, once what it has yet to write is written.
    """
    if isinstance(connection, Session):
        connection.flush()
        result = connection.connection().exec_driver_sql(statement, values)
        # By way of SQLAlchemy's own rows they would come one by one, for three times as much.
        return list(result.cursor.fetchall()) if result.cursor is not None and result.returns_rows else []
    return connection.fetch(statement.encode(), values)


# Left to choose, PostgreSQL plans a question anew each time, which takes three times as long as answering it.
_PREPARED_CONNECT_ARGS = {"plan_cache_mode": "force_generic_plan"}


class AutocommitPool:
    """Bare connections for `PreparedQuery`s, as many as are needed at once, and kept.

    Each statement is a transaction of its own, and so sees all that was committed before it.
    """

    def __init__(self, connector: Connector) -> None:
        self._connector = connector
        self._idle: deque[AutocommitConnection] = deque()

    def acquire(self) -> AutocommitConnection:
        """A connection for one thread, until it is given back; raises psycopg's `OperationalError`."""
        while self._idle:
            try:
                connection = self._idle.pop()
            except IndexError:
                break  # another thread was quicker
            if not connection.gone:
                return connection
            connection.close()
        return self._connector.connect(AutocommitConnection, _PREPARED_CONNECT_ARGS, autocommit=True)

    def release(self, connection: AutocommitConnection) -> None:
        """Keep it for whoever comes next."""
        self._idle.append(connection)

    def close(self) -> None:
        """Close those that nobody uses."""
        while self._idle:
            self._idle.pop().close()
