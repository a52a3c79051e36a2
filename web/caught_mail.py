"""Emails caught by `usher up`: one complete `.eml` file each in a folder, with names in the order of arrival."""

import heapq
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.parser import BytesHeaderParser
from pathlib import Path

from shared.errors import NotFound

MAX_SHOWN = 200
"""The most emails that are listed, newest first."""

_NAME = re.compile(r"[A-Za-z0-9_-]{1,80}")
_LARGEST = 5 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Caught:
    """The main headers of a caught email, and the time when it was caught."""

    name: str
    at: datetime
    sender: str
    recipient: str
    subject: str


@dataclass(frozen=True, slots=True)
class Opened:
    """A parsed email: its headers, its text and HTML parts, and its source."""

    caught: Caught
    headers: list[tuple[str, str]]
    text: str
    html: str
    source: str


def list_newest(folder: Path) -> list[Caught]:
    """List the newest emails, up to `MAX_SHOWN`. Skips files that can't be read."""
    return [caught for file in heapq.nlargest(MAX_SHOWN, folder.glob("*.eml")) for caught in _head(file)]


def open_one(folder: Path, name: str) -> Opened:
    """Read the email with this name. Raises `NotFound` for an unknown name or one that points outside the folder."""
    file = folder / f"{name}.eml"
    if not _NAME.fullmatch(name) or not file.is_file():
        raise NotFound("There is no such mail.", remedy="Go back to the mailbox.")
    with file.open("rb") as source:
        raw = source.read(_LARGEST)
    message = message_from_bytes(raw, EmailMessage, policy=policy.default)
    headers = [(header, _shown(message, header)) for header in dict.fromkeys(message.keys())]
    return Opened(
        caught=_caught(file, message),
        headers=headers,
        text=_part(message, "plain"),
        html=_part(message, "html"),
        source=raw.decode(errors="replace"),
    )


def _head(file: Path) -> Iterator[Caught]:
    try:
        with file.open("rb") as source:
            yield _caught(file, BytesHeaderParser(EmailMessage, policy=policy.default).parse(source))
    except OSError:
        return


def _caught(file: Path, message: EmailMessage) -> Caught:
    return Caught(
        name=file.stem,
        at=datetime.fromtimestamp(file.stat().st_mtime, UTC),
        sender=_shown(message, "From"),
        recipient=_shown(message, "To"),
        subject=_shown(message, "Subject"),
    )


def _shown(message: EmailMessage, header: str) -> str:
    # The standard library raises these for malformed headers. One broken email must not hide the others.
    try:
        return ", ".join(str(value) for value in message.get_all(header, []))
    except (LookupError, ValueError, AttributeError, TypeError):
        return "(unreadable)"


def _part(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    if not isinstance(part, EmailMessage):
        return ""
    try:
        return str(part.get_content())
    except (LookupError, ValueError):
        return "(unreadable)"
