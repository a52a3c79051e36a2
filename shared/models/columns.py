"""The columns that many tables share: ids that sort the same on every server, and the moment of writing."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from sqlalchemy import CheckConstraint, ColumnElement, Text, bindparam, func
from sqlalchemy.orm import Mapped, mapped_column

# The "C" collation keeps ids in the order of their time, whatever locale the database was made with.
Id = Annotated[str, mapped_column(Text(collation="C"), primary_key=True)]
Ref = Annotated[str, mapped_column(Text(collation="C"))]
Written = Annotated[datetime, mapped_column(server_default=func.now())]


def among(column: Mapped[str], *words: StrEnum) -> ColumnElement[bool]:
    """That the column is one of these words, which then stand in the statement itself.

    An index over some rows only can serve a statement only where PostgreSQL sees, before it knows any parameters, that
    no others are asked for; with the words as parameters it would read the whole table once the statement is prepared.
    """
    return column.in_(bindparam(None, words, expanding=True, literal_execute=True))


def listed(name: str) -> ColumnElement[Any]:
    """Ids that a written-out statement takes as one text, with commas between them; no id holds one.

    PostgreSQL takes such a text apart in a tenth of the time that the driver takes to write an array.
    """
    return func.string_to_array(bindparam(name, type_=Text()), ",")


def one_of(column: str, words: type[StrEnum]) -> CheckConstraint:
    """A constraint that lets the column hold these words only."""
    listed = ", ".join(f"'{word}'" for word in words)
    return CheckConstraint(f"{column} IN ({listed})", name=column)
