"""Enumerations whose members are written into rows."""

from enum import StrEnum
from typing import Self


class StoredEnum(StrEnum):
    """An enumeration that rows hold.

    During a rolling upgrade a newer release writes values that this one doesn't know. `from_row` reads them as well;
    what comes in from outside is read by calling the class, which refuses them.
    """

    @classmethod
    def from_row(cls, value: str) -> Self:
        """The member with this value; for a value of a newer release, an instance that equals no member."""
        try:
            return cls(value)
        except ValueError:
            unknown = str.__new__(cls, value)
            unknown._name_ = unknown._value_ = value
            return unknown
