"""Lines of a table as cells, after RFC 4180, with what a spreadsheet or a person makes of it.

A quote that is never closed would swallow the rows below it. So its own row is refused, and the reading goes on with
the next line. Where a quote is closed further down and a line between is a row by its looks, nothing tells whether
that line is text or a person: the row and each such line are refused.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from shared.errors import Reason
from shared.recipient_lists import reasons
from shared.recipient_lists.people import is_address

_QUOTES = re.compile('"+')
_OPENING = re.compile(r'[^\S\n\t]*"')
_ADDRESS_BEHIND = re.compile(r"[^\S\n\t]*(<[^<>\"\n]*>)?[^\S\n\t]*")
"""What may follow a closing quote: `"Diaz, Dora" <dora@corp.example>`."""


@dataclass(frozen=True, slots=True)
class Record:
    """One row of cells: the line it begins on, counted from 1, its text, and why it can't be read, if so.

    With a flaw, the cells only show which row it is.
    """

    line: int
    cells: tuple[str, ...]
    source: str
    flaw: Reason | None = None


def records(text: str, delimiter: str, *, first: int = 1) -> Iterator[Record]:
    """Each row that isn't blank. Lines end with LF; `first` is the number of the first one."""
    starts = [0, *(found.end() for found in re.finditer("\n", text))]
    place = 0
    while place < len(starts):
        cells, end = _cells(text, starts[place], delimiter)
        source = text[starts[place] : end].removesuffix("\n")
        after = bisect_left(starts, end) if end <= len(text) else len(starts)
        inside = source.split("\n")[1:]
        if cells is None:
            yield Record(first + place, tuple(source.split(delimiter)), source, reasons.quote_not_closed())
        elif any(_looks_like_a_row(line, delimiter) for line in inside):
            yield from _in_doubt(source, inside, first + place, delimiter)
        elif any(map(trimmed, cells)):
            yield Record(first + place, cells, source)
        place = after


def trimmed(cell: str) -> str:
    """The cell without what can't be seen at its ends."""
    return cell.strip().strip("\ufeff\u200b\u2060").strip()


def _in_doubt(source: str, inside: Sequence[str], line: int, delimiter: str) -> Iterator[Record]:
    """The row, and each line within its quotes that looks like a row; all of the text belongs to one of them."""
    found = [(line, [source.split("\n")[0]])]
    for number, each in enumerate(inside, line + 1):
        if _looks_like_a_row(each, delimiter):
            found.append((number, [each]))
        else:
            found[-1][1].append(each)
    for number, lines in found:
        flaw = reasons.rows_within_quotes() if number == line else reasons.within_quotes_of(line)
        yield Record(number, tuple(lines[0].split(delimiter)), "\n".join(lines), flaw)


def _looks_like_a_row(line: str, delimiter: str) -> bool:
    return any(is_address(cell.strip('" ')) for cell in line.split(delimiter))


def _cells(text: str, start: int, delimiter: str) -> tuple[tuple[str, ...] | None, int]:
    """The cells of the row at this offset, and the offset behind it; None where its quotes don't fit, and it is a line.

    The offset is behind the text's end where the row is the last one.
    """
    cells: list[str] = []
    at, line_end = start, _line_end(text, start)
    while True:
        opening = _OPENING.match(text, at)
        if opening is None:
            end = text.find(delimiter, at, line_end)
            end = line_end if end < 0 else end
            cells.append(text[at:end])
        else:
            cell, end = _quoted(text, opening.end(), delimiter)
            if cell is None:
                return None, _line_end(text, start) + 1
            cells.append(cell)
            line_end = line_end if end <= line_end else _line_end(text, end)
        if end >= len(text) or text[end] == "\n":
            return tuple(cells), end + 1
        at = end + 1


def _quoted(text: str, start: int, delimiter: str) -> tuple[str | None, int]:
    """The cell whose quote opens before this offset, and where it ends; None where no quote closes it there."""
    closing = _closing(text, start)
    if closing is None:
        return None, start
    behind = _ADDRESS_BEHIND.match(text, closing + 1)
    end = behind.end() if behind else closing + 1
    if end < len(text) and text[end] not in (delimiter, "\n"):
        return None, start
    inner = text[start:closing].replace('""', '"')
    return (f"{inner} {behind[1]}" if behind and behind[1] else inner), end


def _closing(text: str, at: int) -> int | None:
    """Where the quote that was opened before this offset is closed: two quotes within are one that is meant."""
    for run in _QUOTES.finditer(text, at):
        if len(run[0]) % 2:
            return run.end() - 1
    return None


def _line_end(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end
