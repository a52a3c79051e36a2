"""How a table is laid out: its separator, its header, and which column is what."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice

from shared.errors import Reason
from shared.recipient_lists import headers, reasons
from shared.recipient_lists.headers import Column
from shared.recipient_lists.people import is_address, people
from shared.recipient_lists.records import Record, records, trimmed
from shared.recipient_lists.roles import is_meant_as_role

DELIMITERS = "\t;,|"
_SAMPLE = 20_000
"""Characters by which the separator is found."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where each thing is. Without a `header`, a row may hold several people, and `email` is None.

    `flaw` refuses every row: columns that nothing tells apart.
    """

    header: Record | None = None
    email: int | None = None
    role: int | None = None
    message: int | None = None
    width: int = 0
    flaw: Reason | None = None
    ignored: Sequence[str] = field(default=())


def delimiter_of(text: str) -> str:
    """The separator by which the first rows have the most known columns, or the most addresses as cells."""

    def fitness(delimiter: str) -> tuple[int, int, int]:
        rows = list(islice(records(text[:_SAMPLE], delimiter), 50))
        known = sum(headers.meaning(cell) is not None for cell in rows[0].cells) if rows else 0
        addresses = sum(is_address(trimmed(cell)) for row in rows for cell in row.cells)
        return known if is_header(rows[:1]) else 0, addresses, sum(len(row.cells) for row in rows)

    first = next((line for line in text.split("\n", 100)[:100] if line.strip()), "")
    # Part of an address, unless a header says otherwise.
    bars = "|" in first and is_header(list(islice(records(first, "|"), 1)))
    return max(DELIMITERS if bars else DELIMITERS.replace("|", ""), key=fitness)


def is_header(rows: Sequence[Record]) -> bool:
    """Whether the first row names columns."""
    if not rows or any("@" in cell for cell in rows[0].cells):
        return False
    return any(
        headers.meaning(cell) in {Column.EMAIL, Column.ROLE, Column.MESSAGE} or headers.mentions_mail(cell)
        for cell in rows[0].cells
    )


def is_unknown_header(rows: Sequence[Record]) -> bool:
    """Whether the first row names columns that we don't know, or is a title: it has no address, and others have one."""
    return len(rows) > 1 and not _has_address(rows[0]) and any(map(_has_address, rows[1:]))


def unknown(header: Record) -> Layout:
    """The layout by a first row that names no column: nothing tells which cell is what, so every row is refused."""
    found = reasons.header_not_understood(", ".join(filter(None, map(trimmed, header.cells))))
    return Layout(header, width=len(header.cells), flaw=found)


def named(header: Record, rows: Sequence[Record]) -> Layout:
    """The layout by a header. What it leaves open, the content decides, or every row is refused."""
    names = [trimmed(cell) for cell in header.cells]
    email = _called(names, Column.EMAIL) or [at for at, name in enumerate(names) if headers.mentions_mail(name)]
    email = email or [at for at in _unknown(names) if _any(rows, at, is_address)]
    role, message = _called(names, Column.ROLE), _called(names, Column.MESSAGE)
    # A column whose name we don't know and that has roles in it: to pass it over would give everybody another role.
    doubtful = [] if role else [at for at in _unknown(names) if at not in email and _any(rows, at, is_meant_as_role)]
    for found in (email, role, message):
        doubtful += found if len(found) > 1 else []
    names_in_doubt = ", ".join(names[at] or f"column {at + 1}" for at in doubtful)
    used = {*email, *role, *message}
    return Layout(
        header,
        email[0] if email else None,
        role[0] if role else None,
        message[0] if message else None,
        len(names),
        reasons.columns_not_understood(names_in_doubt) if doubtful else None,
        [name for at, name in enumerate(names) if name and at not in used],
    )


def by_content(rows: Iterable[Record]) -> Layout:
    """The layout without a header: the column of roles is the one with roles in it."""
    single = [row for row in rows if sum(len(people(cell, most=2)) for cell in row.cells) == 1]
    width = max((len(row.cells) for row in single), default=0)
    some = [at for at in range(width) if _any(single, at, is_meant_as_role)]
    sure = [at for at in some if all(is_meant_as_role(cell) for row in single if (cell := _cell(row, at)))]
    found = some if len(some) == 1 else sure
    doubtful = ", ".join(f"column {at + 1}" for at in some) if len(some) > 1 and len(sure) != 1 else ""
    return Layout(role=found[0] if found else None, flaw=reasons.columns_not_understood(doubtful) if doubtful else None)


def _has_address(row: Record) -> bool:
    filled = list(filter(None, map(trimmed, row.cells)))
    return any(people(cell, most=1) for cell in filled) or (len(filled) == 1 and "@" in filled[0])


def _called(names: Sequence[str], column: Column) -> list[int]:
    return [at for at, name in enumerate(names) if headers.meaning(name) is column]


def _unknown(names: Sequence[str]) -> list[int]:
    return [at for at, name in enumerate(names) if headers.meaning(name) is None]


def _any(rows: Iterable[Record], at: int, holds: Callable[[str], bool]) -> bool:
    return any(holds(cell) for row in rows if (cell := _cell(row, at)))


def _cell(row: Record, at: int) -> str:
    return trimmed(row.cells[at]) if at < len(row.cells) else ""
