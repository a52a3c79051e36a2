"""Many rows by one statement: they travel as JSON texts, which PostgreSQL takes apart.

SQLAlchemy's own way writes a parameter for each field of each row, which costs several times as much as the rest of
inviting a thousand people.
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from pydantic_core import to_json
from sqlalchemy import Table
from sqlalchemy.dialects import postgresql

from shared.db import Asked, Base, run

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Rows = Sequence["Mapping[str, Any] | DataclassInstance"]
"""Rows that all name the same columns; what they leave out takes its default. Times, enumerations and JSON may stand
in them as they are; bytes as `bytea` makes them."""


def insert_rows(asked: Asked, model: type[Base], rows: Rows, *followers: tuple[type[Base], Rows]) -> set[str]:
    """Insert rows; a row that a unique index refuses is left out. Returns the ids of those that were written.

    `followers` are rows about the first ones, which they name as their `subject_id`, and are left out with them.
    """
    if not rows:
        return set()
    every = ((model, rows), *followers)
    statement = _statement(*((each, _columns(theirs)) for each, theirs in every))
    written = run(asked, statement, tuple(to_json(theirs).decode() for _, theirs in every))
    return {row_id for (row_id,) in written}


def bytea(value: bytes) -> str:
    """Bytes in the form in which PostgreSQL reads them from a text."""
    return "\\x" + value.hex()


def _columns(rows: Rows) -> tuple[str, ...]:
    first = rows[0]
    return tuple(first) if isinstance(first, Mapping) else tuple(field.name for field in fields(first))


@cache
def _statement(first: tuple[type[Base], tuple[str, ...]], *followers: tuple[type[Base], tuple[str, ...]]) -> str:
    insert = f"{_insert(*first)} ON CONFLICT DO NOTHING RETURNING id"
    if not followers:
        return insert
    parts = [f"made AS ({insert})"]
    for number, each in enumerate(followers):
        parts.append(f"follower{number} AS ({_insert(*each)} WHERE subject_id IN (SELECT id FROM made))")  # noqa: S608
    return f"WITH {', '.join(parts)} SELECT id FROM made"  # noqa: S608 - our own names


def _insert(model: type[Base], columns: tuple[str, ...]) -> str:
    table = cast(Table, model.__table__)
    dialect = postgresql.psycopg.dialect()  # type: ignore[no-untyped-call]
    names = ", ".join(columns)
    typed = ", ".join(f"{name} {table.c[name].type.compile(dialect).partition(' COLLATE')[0]}" for name in columns)
    rows = f"json_to_recordset(%s::json) AS rows ({typed})"
    return f"INSERT INTO {table.name} ({names}) SELECT {names} FROM {rows}"  # noqa: S608 - our own names
