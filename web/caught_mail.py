"""The mails that `usher up` catches: one `.eml` file each in a folder, written whole, named in the order they came."""

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
"""How many mails are listed, the newest first."""

_NAME = re.compile(r"[A-Za-z0-9_-]{1,80}")
_LARGEST = 5 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Caught:
    """A mail by what its head says, and when it was caught."""

    name: str
    at: datetime
    sender: str
    recipient: str
    subject: str


@dataclass(frozen=True, slots=True)
class Opened:
    """A mail taken apart: its head line by line, its parts, and the bytes as they came."""

    caught: Caught
    headers: list[tuple[str, str]]
    text: str
    html: str
    source: str


def list_newest(folder: Path) -> list[Caught]:
    """The newest mails; one that can't be read is left out."""
    return [caught for file in heapq.nlargest(MAX_SHOWN, folder.glob("*.eml")) for caught in _head(file)]


def open_one(folder: Path, name: str) -> Opened:
    """The mail of this name; raises `NotFound` for a name that is none or leads out of the folder."""
    file = folder / f"{name}.eml"
    if not _NAME.fullmatch(name) or not file.is_file():
        raise NotFound("There is no such mail.", remedy="Go back to the mailbox.")
    with file.open("rb") as source:
        raw = source.read(_LARGEST)
    mail = message_from_bytes(raw, EmailMessage, policy=policy.default)
    headers = [(header, _shown(mail, header)) for header in dict.fromkeys(mail.keys())]
    return Opened(
        caught=_caught(file, mail),
        headers=headers,
        text=_part(mail, "plain"),
        html=_part(mail, "html"),
        source=raw.decode(errors="replace"),
    )


def _head(file: Path) -> Iterator[Caught]:
    try:
        with file.open("rb") as source:
            yield _caught(file, BytesHeaderParser(EmailMessage, policy=policy.default).parse(source))
    except OSError:
        return


def _caught(file: Path, mail: EmailMessage) -> Caught:
    return Caught(
        name=file.stem,
        at=datetime.fromtimestamp(file.stat().st_mtime, UTC),
        sender=_shown(mail, "From"),
        recipient=_shown(mail, "To"),
        subject=_shown(mail, "Subject"),
    )


def _shown(mail: EmailMessage, header: str) -> str:
    # The standard library raises these for headers that are no headers; one bad mail may not hide the others.
    try:
        return ", ".join(str(value) for value in mail.get_all(header, []))
    except (LookupError, ValueError, AttributeError, TypeError):
        return "(unreadable)"


def _part(mail: EmailMessage, kind: str) -> str:
    part = mail.get_body((kind,))
    if not isinstance(part, EmailMessage):
        return ""
    try:
        return str(part.get_content())
    except (LookupError, ValueError):
        return "(unreadable)"
