"""Statements that are compiled once and given to the driver."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Select, Update
from sqlalchemy.dialects import postgresql

from shared.db.autocommit import AutocommitConnection, SessionOrConnection, run_statement


class PreparedQuery:
    """A statement that is written out once and given to the bare driver, thousands of times a second.

    SQLAlchemy's own way to execute it costs some three times as much as all the rest of such a request.
    """

    def __init__(self, statement: Select[*tuple[Any, ...]] | Update) -> None:
        dialect = postgresql.psycopg.dialect()  # type: ignore[no-untyped-call]
        compiled = statement.compile(dialect=dialect)
        written = compiled.construct_expanded_state(compiled.params)
        self._sql, self._fixed = written.statement, dict(written.parameters)
        # The driver remembers what it has made of a statement by its bytes, which remember their hash.
        self._bytes = self._sql.encode()

    def fetch(self, connection: SessionOrConnection, **values: Any) -> list[Any]:
        """The rows as the driver gives them, with these values for the statement's parameters."""
        values = self._fixed | values
        return (
            connection.fetch(self._bytes, values)
            if isinstance(connection, AutocommitConnection)
            else run_statement(connection, self._sql, values)
        )

    def defer(self, connection: SessionOrConnection, **values: Any) -> Callable[[], list[Any]]:
        """The same, answered when somebody wants to know: within a pipeline, what follows travels along."""
        if isinstance(connection, AutocommitConnection):
            return connection.defer(self._bytes, self._fixed | values)
        rows = self.fetch(connection, **values)
        return lambda: rows

    def execute(self, connection: SessionOrConnection, **values: Any) -> None:
        """The same, where nobody needs to know its rows."""
        if isinstance(connection, AutocommitConnection):
            connection.run(self._bytes, self._fixed | values)
        else:
            self.fetch(connection, **values)
