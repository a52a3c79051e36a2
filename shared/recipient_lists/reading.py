"""Reads a list of people to invite: one row for each of them, understood or refused."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from shared.errors import Reason
from shared.permissions import Role
from shared.recipient_lists import layout, names, reasons, roles
from shared.recipient_lists.decoding import decode
from shared.recipient_lists.layout import Layout
from shared.recipient_lists.people import Person, people, sole_person
from shared.recipient_lists.records import Record, records, trimmed

LONGEST_CELL = 1000
"""Characters that a cell may have, a message among them."""

_DECLARED = re.compile(r'\s*"?sep=([;,|\t])"?[^\S\n]*(?:\n|$)', re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_LOST = re.compile("[\ufffd\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Row:
    """A person to invite, or why not (`flaw`): the line, counted from 1, the text of it, and what it says.

    `email` is the address, or all that is written in its place, where that isn't understood.
    `role` is None where the row has none, or one that isn't known: then `written_role` has its text.
    """

    line: int
    source: str
    email: str = ""
    role: Role | None = None
    message: str = ""
    flaw: Reason | None = None
    written_role: str = ""

    @property
    def shown(self) -> str:
        """The address, or the beginning of a row that has none."""
        return self.email or self.source.strip()[:100]


@dataclass(frozen=True, slots=True)
class Table:
    """All rows, the text of the header, the encoding of the bytes, and the names of columns that aren't used."""

    rows: Sequence[Row] = ()
    header: str = ""
    encoding: str = "utf-8"
    ignored_columns: Sequence[str] = field(default=())


def read(data: bytes | str, *, charset: str | None = None, most: int | None = None) -> Table:
    """Everybody in a CSV file, a pasted range of a spreadsheet or a pasted list of addresses.

    `charset` is the encoding that came with the bytes, if any. Reading stops once there are more than `most` rows.
    Raises `Invalid` for files that aren't text, such as workbooks.
    """
    text, encoding = decode(data, charset) if isinstance(data, bytes) else (data, "utf-8")
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    declared = _DECLARED.match(text)
    start = declared.end() if declared else 0
    body = text[start:]
    delimiter = declared[1] if declared else layout.delimiter_of(body)
    found = list(islice(records(body, delimiter, first=1 + text.count("\n", 0, start)), most and most + 2))
    if layout.is_header(found[:1]) or layout.is_unknown_header(found):
        header, *found = found
        where = layout.named(header, found) if layout.is_header([header]) else layout.unknown(header)
        rows = [_from_columns(record, where) for record in found]
    else:
        where = layout.by_content(found)
        each = (row for record in found for row in _without_header(record, where, most))
        rows = list(islice(each, most and most + 1))
    return Table(rows, _header_text(text[:start], where), encoding, where.ignored)


def row(line: int, source: str, *, email: str, role: str = "", message: str = "") -> Row:
    """The row of these cells. The address may have a name before it, as in `Dora <dora@corp.example>`."""
    email, role, message = trimmed(email), trimmed(role), trimmed(message)
    known = roles.role_of(role) if role else None
    flaw = _wrong_in(email, role, message) or (roles.unknown(role) if role and known is None else None)
    if flaw is None and "@" in email:
        only = sole_person(email)
        email, flaw = only.email, only.flaw
    return Row(line, source, email[:LONGEST_CELL], known, message[:LONGEST_CELL], flaw, role[:LONGEST_CELL])


def _wrong_in(email: str, role: str, message: str) -> Reason | None:
    if max(map(len, (email, role, message))) > LONGEST_CELL:
        return reasons.cell_too_long(LONGEST_CELL)
    return _unreadable(email + role + message) or (None if email else reasons.address_missing())


def _from_columns(record: Record, where: Layout) -> Row:
    """The row of a table with a header."""
    flaw = _flaw(record, where)
    if flaw is not None:
        return Row(record.line, record.source, _cell(record, where.email).strip('"')[:LONGEST_CELL], flaw=flaw)
    email, role, message = (_cell(record, at) for at in (where.email, where.role, where.message))
    return row(record.line, record.source, email=email, role=role, message=message)


def _without_header(record: Record, where: Layout, most: int | None) -> Iterator[Row]:
    """The row, or the rows, of a line in a list or in a table without a header."""
    if record.flaw:
        yield Row(record.line, record.source, flaw=record.flaw)
        return
    filled = [(at, cell, people(cell, most=most)) for at, cell in enumerate(map(trimmed, record.cells)) if cell]
    count = sum(len(persons) for _, _, persons in filled)
    if count > 1:
        before = ""
        for _, cell, persons in filled:
            yield from _people_in_cell(record.line, before, cell, persons)
            before = "" if persons else cell
    elif flaw := _flaw(record, where):
        yield Row(record.line, record.source, flaw=flaw)
    elif count == 1:
        yield from (_single(record, where, at, person) for at, _, persons in filled for person in persons)
    else:
        only = filled[0][1] if len(filled) == 1 else ""
        yield row(record.line, record.source, email="" if roles.is_meant_as_role(only) else only)


def _people_in_cell(line: int, before: str, cell: str, persons: Sequence[Person]) -> Iterator[Row]:
    """Everybody in one cell of a line with several people; `before` is a cell without any before it."""
    if not persons:
        yield Row(line, cell, flaw=_unreadable(cell) or reasons.address_missing())
    for person in persons:
        flaw = _unreadable(person.source) or person.flaw
        flaw = flaw or (reasons.not_understood(person.rest) if _is_no_role(person.rest) else None)
        written = person.source
        if person is persons[0] and not _can_name(before, person, names.is_full_name):
            written = f"{before}, {written}"
            flaw = flaw or reasons.not_understood(written)
        if flaw:
            yield Row(line, person.source, written[:LONGEST_CELL], flaw=flaw)
        else:
            yield row(line, person.source, email=person.email, role=person.rest)


def _single(record: Record, where: Layout, at: int, person: Person) -> Row:
    """The row of a line with one address: names before it, and before the role; nothing else can be told."""
    role = person.rest or _cell(record, where.role)
    unclear = [person.rest] if _is_no_role(person.rest) or (person.rest and _cell(record, where.role)) else []
    last = max(at, -1 if where.role is None else where.role)
    cells = [(place, cell) for place, cell in enumerate(map(trimmed, record.cells)) if cell and place != where.role]
    unclear += [cell for place, cell in cells if place > at and (place > last or not _is_name(cell))]
    before = " ".join(cell for place, cell in cells if place < at)
    # In a range of a spreadsheet a single name is a cell. Elsewhere `bob,calc@...` can be one address with a slip.
    if not _can_name(before, person, _is_name if "\t" in record.source else names.is_full_name):
        unclear.append(f"{before}, {person.source}")
    flaw = person.flaw or (reasons.not_understood(unclear[0]) if unclear else None)
    if flaw:
        return Row(record.line, record.source, trimmed(record.source)[:LONGEST_CELL], flaw=flaw)
    return row(record.line, record.source, email=person.email, role=role)


def _can_name(text: str, person: Person, is_name: Callable[[str], bool]) -> bool:
    """Whether cells before the person's own can be their name."""
    return not text or (names.can_be_before_brackets if "<" in person.source else is_name)(text)


def _is_name(text: str) -> bool:
    return names.is_single_name(text) or names.is_full_name(text)


def _is_no_role(rest: str) -> bool:
    return bool(rest) and not roles.is_meant_as_role(rest)


def _flaw(record: Record, where: Layout) -> Reason | None:
    """What refuses the row whatever its cells say."""
    if record.flaw:
        return record.flaw
    if unreadable := _unreadable(record.source):
        return unreadable
    if any(len(cell) > LONGEST_CELL for cell in record.cells):
        return reasons.cell_too_long(LONGEST_CELL)
    if where.flaw is None and where.header and any(map(trimmed, record.cells[where.width :])):
        return reasons.too_many_cells(len(record.cells), where.width)
    return where.flaw


def _unreadable(text: str) -> Reason | None:
    if _LOST.search(text):
        return reasons.not_readable()
    return reasons.control_character() if _CONTROL.search(text) else None


def _header_text(declared: str, where: Layout) -> str:
    return declared + where.header.source if where.header else ""


def _cell(record: Record, at: int | None) -> str:
    return trimmed(record.cells[at]) if at is not None and at < len(record.cells) else ""
