"""Addresses within a text: `Anna <a@corp.example> Bob <b@corp.example>`, or one beside the other.

No address is cut out of what is written around it: a part that is neither address nor name refuses the row.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice

from shared.errors import Reason
from shared.recipient_lists import names, reasons
from shared.recipient_lists.roles import is_meant_as_role

# Each try ends after 300 characters: a long word without an @ would else be read again from each of its letters.
_ADDRESS = re.compile(
    r"<\s*(?P<bracketed>[^\s<>]{1,300}@[^\s<>]{1,300})\s*>"
    r'|(?<![^\s,;<>"])(?P<bare>[^\s,;<>"]{1,300}@[^\s,;<>"]{1,300})'
)
_ONE = re.compile(r"(?P<name>[^<>@]*?)\s*<\s*(?P<bracketed>[^\s<>]+@[^\s<>]+)\s*>|(?P<bare>\S+)")
"""What a cell for one address can have. What is no name or no address in it, the reader finds."""

_TWICE = re.compile(r"""'([^\s'<>"]+@[^\s'<>"]+)'\s*<\s*\1\s*>""", re.IGNORECASE)
"""`'dora@corp.example' <dora@corp.example>`, as some mail programs write an address without a name."""

_SCHEME = re.compile("^mailto:", re.IGNORECASE)
_NO_ADDRESS = re.compile(r'[\s,;:()<>\[\]"=?/\\]')
"""Signs that no address here has: those that RFC 5321 wants quoted, and those of formulas and URLs."""

_QUOTES = "\"'“”„‘’«»"
_APART = " \t\n\xa0,;"
_BETWEEN = _APART + "'\"\ufeff\u200b"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody whom a text names: the address as it is written, the text around it, and why that is unclear.

    `rest` is what follows the last address of the text.
    """

    email: str
    source: str
    rest: str = ""
    flaw: Reason | None = None


def is_address(cell: str) -> bool:
    """Whether a cell has one address, whatever is before it, and nothing behind it."""
    found = people(cell, most=2)
    return len(found) == 1 and not found[0].rest


def sole_person(cell: str) -> Person:
    """The only person of a cell: an address, or `Name <address>`. Anything else has a flaw that quotes the cell.

    Quotation marks, angle brackets and `mailto:` around an address don't belong to it.
    """
    found = _ONE.fullmatch(_unquoted(_TWICE.sub(r"<\1>", cell)))
    email = _address(found["bracketed"] or found["bare"]) if found else None
    if found and email and (found["bare"] or names.can_be_before_brackets(found["name"])):
        return Person(email, cell)
    several = len(people(cell, most=2)) > 1
    return Person(cell, cell, flaw=reasons.several_addresses() if several else reasons.not_understood(cell))


def people(text: str, *, most: int | None = None) -> list[Person]:
    """Everybody in the text, or the first `most` of them; words before an address are a name.

    Where it isn't clear whom words belong to, all of them have a flaw.
    """
    if "@" not in text:
        return []
    found = list(islice(_each(_TWICE.sub(r"<\1>", text), most), most))
    flaw = next((person.flaw for person in found if person.flaw), None)
    return [replace(person, flaw=flaw) for person in found] if flaw else found


def _each(text: str, most: int | None) -> Iterator[Person]:
    at, before = 0, None
    # One more than is wanted, so that the last one wanted doesn't take what follows for its own.
    matches = list(islice(_ADDRESS.finditer(text), most and most + 1))
    for match in matches:
        between = text[at : match.start()]
        end = len(text) if match is matches[-1] else match.end()
        written = match["bracketed"] or match["bare"]
        email = _address(written)
        unclear = email is None or _is_unclear(before, between, match)
        flaw = reasons.not_understood(text[at : match.end()].strip(_BETWEEN)) if unclear else None
        rest = text[match.end() : end].strip(_BETWEEN)
        yield Person(email or written, text[at:end].strip(" \t\n,;"), rest, flaw)
        at, before = match.end(), match


def _is_unclear(before: re.Match[str] | None, between: str, match: re.Match[str]) -> bool:
    """Whether words before this address are no name, could be a role, or belong to the address before."""
    words = between.strip(_BETWEEN)
    if match["bare"]:
        return bool(words) and (before is not None or between[-1] not in _APART or not _is_name(words))
    if words:
        is_role = before is not None and any(map(is_meant_as_role, words.split()))
        return is_role or not names.can_be_before_brackets(words)
    # `a@corp.example <b@corp.example>` shows one person the address of another.
    return before is not None and before["bare"] is not None and not between.strip()


def _is_name(words: str) -> bool:
    return names.is_full_name(words) and not is_meant_as_role(words)


def _address(written: str) -> str | None:
    """The address without quotation marks and `mailto:` around it; None where other signs are in it."""
    address = _SCHEME.sub("", written.strip(_QUOTES))
    return None if not address or _NO_ADDRESS.search(address) else address


def _unquoted(cell: str) -> str:
    """The cell without quotation marks around all of it."""
    return cell[1:-1].strip() if len(cell) > 1 and cell[0] in _QUOTES and cell[-1] in _QUOTES else cell
