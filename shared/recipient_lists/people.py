"""Addresses within a text: `Anna <a@corp.example> Bob <b@corp.example>`, or one beside the other."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice

from shared.errors import Reason
from shared.recipient_lists import reasons
from shared.recipient_lists.roles import is_meant_as_role

_APART = r"\s<>,;:()\[\]\"|"
# Each try ends after 300 characters: a long word without an @ would else be read again from each of its letters.
_ADDRESS = re.compile(
    r"<\s*(?:mailto:)?(?P<bracketed>[^\s<>]{1,300}@[^\s<>]{1,300})\s*>"
    rf"|(?<![^{_APART}'])(?:mailto:)?(?P<bare>[^{_APART}'][^{_APART}]{{0,300}}@[^{_APART}']{{1,300}})",
    re.IGNORECASE,
)
_TWICE = re.compile(r"""'([^\s'<>"]+@[^\s'<>"]+)'\s*<\s*\1\s*>""", re.IGNORECASE)
"""`'dora@corp.example' <dora@corp.example>`, as some mail programs write an address without a name."""
_BETWEEN = " \t\n\xa0,;'\"\ufeff\u200b"


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
    """Whether a cell is an address, with or without a name before it, and nothing else."""
    found = people(cell, most=2)
    return len(found) == 1 and not found[0].rest


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
        flaw = reasons.not_understood(between.strip() or match[0]) if _is_unclear(before, between, match) else None
        email = match["bracketed"] or match["bare"]
        yield Person(email, text[at:end].strip(" \t\n,;"), text[match.end() : end].strip(_BETWEEN), flaw)
        at, before = match.end(), match


def _is_unclear(before: re.Match[str] | None, between: str, match: re.Match[str]) -> bool:
    """Whether words before this address could be a role, or belong to the address before."""
    words = between.strip(_BETWEEN)
    if match["bare"]:
        return bool(words) and (before is not None or is_meant_as_role(words))
    if words:
        return before is not None and any(map(is_meant_as_role, words.split()))
    # `a@corp.example <b@corp.example>` shows one person the address of another.
    return before is not None and before["bare"] is not None and not between.strip()
