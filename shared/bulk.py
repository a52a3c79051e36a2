"""Many rows by one statement: they travel as one JSON text, which PostgreSQL takes apart.

SQLAlchemy's own way writes a parameter for each field of each row, which costs several times as much as the rest of
inviting a thousand people.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, cast

from pydantic_core import to_json
from sqlalchemy import Table
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Session

from shared.db import Base


def insert_rows(session: Session, model: type[Base], rows: Sequence[Mapping[str, Any]]) -> set[str]:
    """Insert rows that all name the same columns; what they leave out takes its default. Returns the ids written.

    They come behind what the session has yet to write. A row that a unique index refuses is left out. Times,
    enumerations and JSON may stand in a row as they are; bytes as `bytea` makes them.
    """
    if not rows:
        return set()
    session.flush()
    statement = _statement(model, tuple(rows[0]))
    written = session.connection().exec_driver_sql(statement, (to_json(rows).decode(),))
    return {row_id for (row_id,) in written}


def bytea(value: bytes) -> str:
    """Bytes in the form in which PostgreSQL reads them from a text."""
    return "\\x" + value.hex()


@cache
def _statement(model: type[Base], columns: tuple[str, ...]) -> str:
    table = cast(Table, model.__table__)
    dialect = postgresql.psycopg.dialect()  # type: ignore[no-untyped-call]
    names = ", ".join(columns)
    typed = ", ".join(f"{name} {table.c[name].type.compile(dialect).partition(' COLLATE')[0]}" for name in columns)
    return (
        f"INSERT INTO {table.name} ({names}) SELECT {names} FROM json_to_recordset(%s::json) AS rows ({typed}) "  # noqa: S608 - our own names
        "ON CONFLICT DO NOTHING RETURNING id"
    )
