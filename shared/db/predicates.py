"""Conditions that several queries share."""

from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Select, Text, bindparam, func, literal_column, select
from sqlalchemy.orm import Mapped

from shared.db.base import Base


def in_literals(column: Mapped[str], *words: StrEnum) -> ColumnElement[bool]:
    """Match rows whose column has one of these words, written into the statement as literals.

    PostgreSQL uses a partial index only if the statement itself shows that no other values match. With parameters it
    would scan the whole table once the statement is prepared. Don't use this for rows found by id: if the partial index
    was small when the statement was planned, scanning all of it looks just as cheap, and gets expensive as the index
    grows.
    """
    return column.in_(bindparam(None, words, expanding=True, literal_execute=True))


def exists_where(*conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    """Match if at least one such row exists. The limit makes PostgreSQL use an index instead of scanning the table."""
    found: Select[Any] = select(literal_column("true")).where(*conditions).limit(literal_column("1"))
    return found.scalar_subquery().is_not(None)


def ctid_of(model: type[Base]) -> ColumnElement[Any]:
    """The current physical position of a row of this table."""
    return literal_column(f"{model.__tablename__}.ctid")


def ctid_in(model: type[Base], places: Select[Any]) -> ColumnElement[bool]:
    """Match the rows whose positions this query has just locked.

    Finding them by id again would cost an index lookup each, or PostgreSQL would scan the table for a few rows. A row
    that another transaction changes at that moment moves, and is skipped.
    """
    return ctid_of(model).op("=")(func.any(func.array(places.scalar_subquery())))


def any_of(name: str) -> ColumnElement[Any]:
    """Ids that a handwritten statement takes as one comma-separated text. No id contains a comma.

    PostgreSQL splits such a text in a tenth of the time that the driver takes to write an array.
    """
    return func.string_to_array(bindparam(name, type_=Text()), ",")
