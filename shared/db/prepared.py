"""Statements that are compiled once and then passed straight to the driver."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Select, Update
from sqlalchemy.dialects import postgresql

from shared.db.autocommit import AutocommitConnection, SessionOrConnection, run_statement


class PreparedQuery:
    """A statement compiled once for the driver, for queries that run thousands of times a second.

    SQLAlchemy's own execution costs about three times as much as the rest of such a request.
    """

    def __init__(self, statement: Select[*tuple[Any, ...]] | Update) -> None:
        dialect = postgresql.psycopg.dialect()  # type: ignore[no-untyped-call]
        compiled = statement.compile(dialect=dialect)
        written = compiled.construct_expanded_state(compiled.params)
        self._sql, self._fixed = written.statement, dict(written.parameters)
        # The driver caches prepared statements by their bytes, and a bytes object caches its hash.
        self._bytes = self._sql.encode()

    def fetch(self, connection: SessionOrConnection, **values: Any) -> list[Any]:
        """Run the statement with these parameter values and return its rows as the driver gives them."""
        values = self._fixed | values
        return (
            connection.fetch(self._bytes, values)
            if isinstance(connection, AutocommitConnection)
            else run_statement(connection, self._sql, values)
        )

    def defer(self, connection: SessionOrConnection, **values: Any) -> Callable[[], list[Any]]:
        """Run the statement and return a function that fetches its rows. Within a pipeline, later statements don't wait
        for it.
        """
        if isinstance(connection, AutocommitConnection):
            return connection.defer(self._bytes, self._fixed | values)
        rows = self.fetch(connection, **values)
        return lambda: rows

    def execute(self, connection: SessionOrConnection, **values: Any) -> None:
        """Run the statement and ignore its rows."""
        if isinstance(connection, AutocommitConnection):
            connection.run(self._bytes, self._fixed | values)
        else:
            self.fetch(connection, **values)
