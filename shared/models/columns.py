"""Columns that many tables share: ids that sort the same on every server, and the creation time."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from sqlalchemy import CheckConstraint, Text, func
from sqlalchemy.orm import mapped_column

# The "C" collation keeps ids in the order of their creation, whatever the database's locale.
Id = Annotated[str, mapped_column(Text(collation="C"), primary_key=True)]
Ref = Annotated[str, mapped_column(Text(collation="C"))]
CreatedAt = Annotated[datetime, mapped_column(server_default=func.now())]


def one_of(column: str, words: type[StrEnum]) -> CheckConstraint:
    """A constraint that allows only these words in the column."""
    literals = ", ".join(f"'{word}'" for word in words)
    return CheckConstraint(f"{column} IN ({literals})", name=column)
