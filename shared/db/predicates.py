"""Conditions that several queries share."""

from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Select, Text, bindparam, func, literal_column, select
from sqlalchemy.orm import Mapped

from shared.db.base import Base


def in_literals(column: Mapped[str], *words: StrEnum) -> ColumnElement[bool]:
    """That the column is one of these words, which then stand in the statement itself.

    An index over some rows only can serve a statement only where PostgreSQL sees, before it knows any parameters, that
    no others are asked for; with the words as parameters it would read the whole table once the statement is prepared.

    Not for rows that are found by their ids: where such an index was small when the statement was planned, reading all
    of it looks as cheap, and costs as much as there is to do by the time it is.
    """
    return column.in_(bindparam(None, words, expanding=True, literal_execute=True))


def exists_where(*conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether there is such a row. The limit has PostgreSQL look in an index; it would read the whole table else."""
    found: Select[Any] = select(literal_column("true")).where(*conditions).limit(literal_column("1"))
    return found.scalar_subquery().is_not(None)


def ctid_of(model: type[Base]) -> ColumnElement[Any]:
    """Where a row of this table lies at the moment."""
    return literal_column(f"{model.__tablename__}.ctid")


def ctid_in(model: type[Base], places: Select[Any]) -> ColumnElement[bool]:
    """That a row is one of those whose places this query has locked.

    By their ids once more each would cost a walk down an index, or PostgreSQL would look for a few among all there are.
    Whoever changes a row that very moment moves it, and it is left out.
    """
    return ctid_of(model).op("=")(func.any(func.array(places.scalar_subquery())))


def any_of(name: str) -> ColumnElement[Any]:
    """Ids that a written-out statement takes as one text, with commas between them; no id holds one.

    PostgreSQL takes such a text apart in a tenth of the time that the driver takes to write an array.
    """
    return func.string_to_array(bindparam(name, type_=Text()), ",")
