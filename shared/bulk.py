"""Many rows by one statement: they travel as JSON texts, which PostgreSQL takes apart.

SQLAlchemy's own way writes a parameter for each field of each row, which costs several times as much as the rest of
inviting a thousand people.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, cast

from msgspec.json import encode
from sqlalchemy import Column, Table
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Session

from shared.db import Asked, Base, run


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of one table, each thing said once: taking apart what is said a thousand times costs as much as writing it.

    `each` is what a row says for itself, all of them by the same names, and `common` what every row says. A column of
    JSON with few different values may stand in `choices`: a row then says which of them, counted from 0. What nobody
    names takes its default. Times, enumerations and JSON may stand in them as they are; bytes as `bytea` makes them.
    """

    each: Sequence[Mapping[str, Any]]
    common: Mapping[str, Any] = field(default_factory=dict)
    choices: Mapping[str, Sequence[Any]] = field(default_factory=dict)

    @property
    def names(self) -> tuple[tuple[str, ...], ...]:
        """The columns: those of each row, the common ones, and which of the former choose."""
        return tuple(self.each[0]), tuple(self.common), tuple(self.choices)

    def texts(self) -> list[str]:
        """What the statement for these names takes."""
        shared = {**self.common, **self.choices}
        return [encode(said).decode() for said in ([self.each, shared] if shared else [self.each])]


def insert_rows(asked: Asked, model: type[Base], rows: Rows, *followers: tuple[type[Base], Rows]) -> set[str]:
    """Insert rows; a row that a unique index refuses is left out. Returns the ids of those that were written.

    `followers` are rows about the first ones, which they name as their `subject_id`, and are left out with them.
    """
    if not rows.each:
        return set()
    every = ((model, rows), *followers)
    statement = _statement(*((each, theirs.names) for each, theirs in every))
    written = run(asked, statement, tuple(text for _, theirs in every for text in theirs.texts()))
    return {row_id for (row_id,) in written}


def append_rows(session: Session, model: type[Base], rows: Rows) -> None:
    """Insert rows that nothing may refuse."""
    if rows.each:
        run(session, _insert(model, rows.names), tuple(rows.texts()))


def bytea(value: bytes) -> str:
    """Bytes in the form in which PostgreSQL reads them from a text."""
    return "\\x" + value.hex()


_Names = tuple[tuple[str, ...], ...]


@cache
def _statement(first: tuple[type[Base], _Names], *followers: tuple[type[Base], _Names]) -> str:
    insert = f"{_insert(*first)} ON CONFLICT DO NOTHING RETURNING id"
    if not followers:
        return insert
    parts = [f"made AS ({insert})"]
    for number, each in enumerate(followers):
        parts.append(f"follower{number} AS ({_insert(*each)} WHERE subject_id IN (SELECT id FROM made))")  # noqa: S608
    return f"WITH {', '.join(parts)} SELECT id FROM made"  # noqa: S608 - our own names


@cache
def _insert(model: type[Base], names: _Names) -> str:
    each, common, choices = names
    columns = cast(Table, model.__table__).c
    said = {name: f"rows.{name}" for name in each} | {name: f"common.{name}" for name in common}
    said |= {name: f"common.{name} -> rows.{name}" for name in choices}
    typed = ", ".join(f"{name} integer" if name in choices else _typed(columns[name]) for name in each)
    source = f"json_to_recordset(%s::json) AS rows ({typed})"
    if common or choices:
        typed = ", ".join(_typed(columns[name]) for name in (*common, *choices))
        source += f", json_to_record(%s::json) AS common ({typed})"
    return f"INSERT INTO {model.__tablename__} ({', '.join(said)}) SELECT {', '.join(said.values())} FROM {source}"  # noqa: S608 - our own names


def _typed(column: Column[Any]) -> str:
    dialect = postgresql.psycopg.dialect()  # type: ignore[no-untyped-call]
    return f"{column.name} {column.type.compile(dialect).partition(' COLLATE')[0]}"
