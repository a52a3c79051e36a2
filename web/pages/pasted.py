"""Addresses as people bring them: pasted with commas, spaces or lines, or as a CSV file with roles and messages."""

import csv
import io
import re
from collections.abc import Iterable
from dataclasses import dataclass

MOST = 1000
"""How many are taken at once."""

_BETWEEN = re.compile(r"[,;\n]")
_NAMED = re.compile(r"<([^<>]*)>")


@dataclass(frozen=True, slots=True)
class Line:
    """Somebody to invite: the address as it stands there, and what the file says of their role and message."""

    email: str
    role: str = ""
    message: str = ""


def addresses(text: str) -> list[Line]:
    """Everybody in the text, each once, in order; of `Bob Li <bob@corp.example>` the address alone."""
    found: list[str] = []
    for part in _BETWEEN.split(text.replace("\r", "\n")):
        named = _NAMED.search(part)
        found += [named[1].strip()] if named else part.split()
    return [Line(email) for email in dict.fromkeys(found)]


def table(text: str) -> list[Line]:
    """Everybody in a CSV file whose first line names its columns: email, and if it likes, role and message."""
    text = text.removeprefix("\ufeff")
    head = text.split("\n", 1)[0]
    if "email" not in head.lower():
        return addresses(text)
    rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=";" if ";" in head else ",")
    rows.fieldnames = [name.strip().lower() for name in rows.fieldnames or ()]
    cells = [{name: (value or "").strip() for name, value in row.items() if isinstance(value, str)} for row in rows]
    return [Line(row["email"], _role(row), row.get("message", "")) for row in cells if row.get("email")]


def as_table(lines: Iterable[Line]) -> str:
    """The lines as a CSV file that `table` reads again."""
    return written([("email", "role", "message"), *((line.email, line.role, line.message) for line in lines)])


def written(rows: Iterable[Iterable[str]]) -> str:
    """Rows as CSV."""
    file = io.StringIO()
    csv.writer(file).writerows(rows)
    return file.getvalue()


def _role(row: dict[str, str]) -> str:
    return row.get("role", "").lower().replace(" ", "_").replace("-", "_")
