"""Bulk writes: many rows in one statement, sent as JSON texts that PostgreSQL expands.

SQLAlchemy sends a parameter for each field of each row, which costs several times as much as the rest of inviting a
thousand people. For a single row per table the opposite is true, so its fields are sent as parameters.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import cache
from typing import Any, cast

from msgspec.json import encode
from sqlalchemy import JSON, Column, Table
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Session

from shared.db.autocommit import SessionOrConnection, run_statement
from shared.db.base import Base


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of one table without repeated values, because parsing a value a thousand times costs as much as writing it.

    `each` has the values that differ, with the same keys in every row, and `common` the values that all rows share. A
    JSON column with few distinct values can go into `choices`: each row then has the index of its value, from 0.
    Columns not named take their defaults. Pass times, enumerations and JSON as they are, and bytes through `bytea`.
    """

    each: Sequence[Mapping[str, Any]]
    common: Mapping[str, Any] = field(default_factory=dict)
    choices: Mapping[str, Sequence[Any]] = field(default_factory=dict)

    @property
    def names(self) -> tuple[tuple[str, ...], ...]:
        """The columns in `each`, in `common` and in `choices`."""
        return tuple(self.each[0]), tuple(self.common), tuple(self.choices)

    def texts(self) -> list[str]:
        """The JSON parameters of the statement for these columns."""
        shared = {**self.common, **self.choices}
        return [encode(part).decode() for part in ([self.each, shared] if shared else [self.each])]

    def fields(self) -> Mapping[str, Any]:
        """All values of the first row, including the common ones and its choices."""
        (row, *_) = self.each
        return {**row, **self.common, **{name: some[row[name]] for name, some in self.choices.items()}}


@dataclass(frozen=True, slots=True)
class Gate:
    """A condition that decides within the statement if its rows are written.

    `before` are CTEs that come first and take `values`. `condition` follows the source of the rows: a join with one of
    these CTEs, or a WHERE. `after` are CTEs that may refer to the ids of what was written, in `made`, and the statement
    returns what `answer` selects.
    """

    before: str
    condition: str
    after: str
    answer: str
    values: tuple[Any, ...]


def insert_rows(
    connection: SessionOrConnection, model: type[Base], rows: Rows, *followers: tuple[type[Base], Rows]
) -> set[str]:
    """Insert rows, skip those that a unique index refuses, and return the ids of the written rows.

    `followers` are rows that refer to the first ones by their `subject_id`. They are skipped together with them.
    """
    if not rows.each:
        return set()
    statement, values = _inserting(((model, rows), *followers))
    return {row_id for (row_id,) in run_statement(connection, _statement(*statement), values)}


def insert_behind(
    connection: SessionOrConnection, gate: Gate, model: type[Base], rows: Rows, *followers: tuple[type[Base], Rows]
) -> list[Any]:
    """Insert rows like `insert_rows` if the gate's condition is true, and return what the gate's `answer` selects."""
    statement, values = _inserting(((model, rows), *followers))
    written = _gated(gate.before, gate.condition, gate.after, gate.answer, *statement)
    return run_statement(connection, written, (*gate.values, *values))


def append_rows(session: Session, model: type[Base], rows: Rows) -> None:
    """Insert rows that can't conflict with existing ones."""
    if rows.each:
        run_statement(session, _many(model, rows.names), tuple(rows.texts()))


def update_rows(session: Session, model: type[Base], rows: Sequence[Mapping[str, Any]]) -> None:
    """Update rows found by `id`. All of them have the same keys, and None leaves a column unchanged."""
    if rows:
        run_statement(session, _update(model, tuple(rows[0])), (encode(rows).decode(),))


def bytea(value: bytes) -> str:
    """Bytes as text in PostgreSQL's input format for `bytea`."""
    return "\\x" + value.hex()


_Names = tuple[tuple[str, ...], ...]
_Every = Sequence[tuple[type[Base], Rows]]


def _inserting(every: _Every) -> tuple[list[str], tuple[Any, ...]]:
    """An INSERT statement for each table, and the parameters of all of them."""
    if all(len(theirs.each) == 1 for _, theirs in every):
        rows = [(model, theirs.fields()) for model, theirs in every]
        values = tuple(value for model, row in rows for value in _parameters(model, row))
        return _following([_one(model, tuple(row)) for model, row in rows], ", made"), values
    texts = tuple(text for _, rows in every for text in rows.texts())
    written = [_many(model, rows.names) for model, rows in every]
    return _following(written, " WHERE subject_id IN (SELECT id FROM made)"), texts


def _following(written: list[str], condition: str) -> list[str]:
    first, *followers = written
    return [first, *(each + condition for each in followers)]


@cache
def _statement(first: str, *followers: str) -> str:
    insert = f"{first} ON CONFLICT DO NOTHING RETURNING id"
    if not followers:
        return insert
    return f"WITH {', '.join(_made(insert, followers))} SELECT id FROM made"  # noqa: S608 - our own names


@cache
def _gated(before: str, condition: str, after: str, answer: str, first: str, *followers: str) -> str:
    insert = f"{first}{condition} ON CONFLICT DO NOTHING RETURNING id"
    return f"WITH {before}, {', '.join(_made(insert, followers))}, {after} {answer}"


def _made(insert: str, followers: Sequence[str]) -> list[str]:
    return [f"made AS ({insert})", *(f"follower{number} AS ({each})" for number, each in enumerate(followers))]


@cache
def _many(model: type[Base], names: _Names) -> str:
    each, common, choices = names
    columns = cast(Table, model.__table__).c
    exprs = {name: f"rows.{name}" for name in each} | {name: f"common.{name}" for name in common}
    exprs |= {name: f"common.{name} -> rows.{name}" for name in choices}
    typed = ", ".join(f"{name} integer" if name in choices else _typed(columns[name]) for name in each)
    source = f"json_to_recordset(%s::json) AS rows ({typed})"
    if common or choices:
        typed = ", ".join(_typed(columns[name]) for name in (*common, *choices))
        source += f", json_to_record(%s::json) AS common ({typed})"
    return f"INSERT INTO {model.__tablename__} ({', '.join(exprs)}) SELECT {', '.join(exprs.values())} FROM {source}"  # noqa: S608 - our own names


@cache
def _update(model: type[Base], names: tuple[str, ...]) -> str:
    table, columns = model.__tablename__, cast(Table, model.__table__).c
    assignments = ", ".join(f"{name} = coalesce(rows.{name}, {table}.{name})" for name in names if name != "id")
    source = f"json_to_recordset(%s::json) AS rows ({', '.join(_typed(columns[name]) for name in names)})"
    return f"UPDATE {table} SET {assignments} FROM {source} WHERE {table}.id = rows.id"  # noqa: S608 - our own names


@cache
def _one(model: type[Base], names: tuple[str, ...]) -> str:
    columns = cast(Table, model.__table__).c
    source = ", ".join(f"%s::{_type(columns[name])} AS {name}" for name in names)
    return f"INSERT INTO {model.__tablename__} ({', '.join(names)}) SELECT row.* FROM (SELECT {source}) AS row"  # noqa: S608 - our own names


def _parameters(model: type[Base], row: Mapping[str, Any]) -> list[Any]:
    """Row values as the driver takes them: JSON and enumerations as text."""
    json_columns = _json_columns(model)
    return [
        encode(value).decode()
        if name in json_columns and value is not None
        else str(value)
        if isinstance(value, Enum)
        else value
        for name, value in row.items()
    ]


@cache
def _json_columns(model: type[Base]) -> frozenset[str]:
    return frozenset(column.name for column in cast(Table, model.__table__).c if isinstance(column.type, JSON))


def _typed(column: Column[Any]) -> str:
    return f"{column.name} {_type(column)}"


def _type(column: Column[Any]) -> str:
    dialect = postgresql.psycopg.dialect()  # type: ignore[no-untyped-call]
    return column.type.compile(dialect).partition(" COLLATE")[0]
