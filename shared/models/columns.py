"""The columns that many tables share: ids that sort the same on every server, and the moment of writing."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from sqlalchemy import CheckConstraint, ColumnElement, Select, Text, bindparam, func, literal_column, select
from sqlalchemy.orm import Mapped, mapped_column

from shared.db import Base

# The "C" collation keeps ids in the order of their time, whatever locale the database was made with.
Id = Annotated[str, mapped_column(Text(collation="C"), primary_key=True)]
Ref = Annotated[str, mapped_column(Text(collation="C"))]
Written = Annotated[datetime, mapped_column(server_default=func.now())]


def among(column: Mapped[str], *words: StrEnum) -> ColumnElement[bool]:
    """That the column is one of these words, which then stand in the statement itself.

    An index over some rows only can serve a statement only where PostgreSQL sees, before it knows any parameters, that
    no others are asked for; with the words as parameters it would read the whole table once the statement is prepared.

    Not for rows that are found by their ids: where such an index was small when the statement was planned, reading all
    of it looks as cheap, and costs as much as there is to do by the time it is.
    """
    return column.in_(bindparam(None, words, expanding=True, literal_execute=True))


def there_is(*conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether there is such a row. The limit has PostgreSQL look in an index; it would read the whole table else."""
    found: Select[Any] = select(literal_column("true")).where(*conditions).limit(literal_column("1"))
    return found.scalar_subquery().is_not(None)


def lies_at(model: type[Base]) -> ColumnElement[Any]:
    """Where a row of this table lies at the moment."""
    return literal_column(f"{model.__tablename__}.ctid")


def lies_among(model: type[Base], places: Select[Any]) -> ColumnElement[bool]:
    """That a row is one of those whose places this query has locked.

    By their ids once more each would cost a walk down an index, or PostgreSQL would look for a few among all there are.
    Whoever changes a row that very moment moves it, and it is left out.
    """
    return lies_at(model).op("=")(func.any(func.array(places.scalar_subquery())))


def listed(name: str) -> ColumnElement[Any]:
    """Ids that a written-out statement takes as one text, with commas between them; no id holds one.

    PostgreSQL takes such a text apart in a tenth of the time that the driver takes to write an array.
    """
    return func.string_to_array(bindparam(name, type_=Text()), ",")


def one_of(column: str, words: type[StrEnum]) -> CheckConstraint:
    """A constraint that lets the column hold these words only."""
    listed = ", ".join(f"'{word}'" for word in words)
    return CheckConstraint(f"{column} IN ({listed})", name=column)
