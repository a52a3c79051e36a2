"""The files of an archive: an account's events with their seals, as gzip'd JSON lines in the account's folder.

A file's name is the position of its first event. It gets that name only once it is completely on disk, and no file is
ever replaced. So after a crash at any moment, a name exists with all of its content or not at all.
"""

import gzip
import json
import os
import re
import zlib
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from tempfile import NamedTemporaryFile

from shared.audit.hash_chain import ChainReport
from shared.clock import rfc3339
from shared.errors import CannotRun
from shared.models import AuditEvent, AuditSeal

Link = tuple[AuditSeal, AuditEvent]

_NO_ACCOUNT = "no-account"
_FILES = "[0-9]*.jsonl.gz"
_FACTS = ("id", "seq", "account_id", "subject_id", "action", "actor", "request_id", "origin", "data")
_UNREADABLE = (OSError, EOFError, zlib.error, ValueError, KeyError, TypeError)


class BadFile(CannotRun):
    """Raised when a file of the archive is not as it was written."""


def folder_of(root: Path, account_id: str) -> Path:
    """The folder of an account's files. Raises `CannotRun` for an invalid account id."""
    if account_id and not re.fullmatch(r"\w+", account_id, re.ASCII):
        raise CannotRun(f"{account_id!r} is not an account id.")
    return root / (account_id or _NO_ACCOUNT)


def accounts(root: Path) -> set[str]:
    """Ids of the accounts with files in this folder."""
    names = {folder.name for folder in root.iterdir() if any(folder.glob(_FILES))}
    return {"" if name == _NO_ACCOUNT else name for name in names}


def file_from(folder: Path, position: int) -> Path:
    """The file that begins with this position. Names sort like positions."""
    return folder / f"{position:012}.jsonl.gz"


def line(link: AuditSeal, event: AuditEvent) -> str:
    """Serialize an event with its seal, always in the same form."""
    fields = {name: getattr(event, name) for name in _FACTS} | {"at": rfc3339(event.at), "position": link.position}
    fields |= {"previous_hash": link.previous_hash.hex(), "hash": link.hash.hex()}
    return json.dumps(fields, sort_keys=True, separators=(",", ":"))


def lines(file: Path) -> Iterator[str]:
    """Read the lines of a file. Raises `BadFile` if it is damaged."""
    number = 0
    try:
        with gzip.open(file, "rt", encoding="ascii", newline="\n") as packed:
            for number, text in enumerate(packed, 1):  # noqa: B007 - used in the error message
                yield text.removesuffix("\n")
    except _UNREADABLE as error:
        raise BadFile(f"{file} can't be read after line {number}: {error}") from None


def write(file: Path, content: Iterable[str]) -> None:
    """Write a file that only its owner can read. Raises `FileExistsError` if it exists."""
    file.parent.mkdir(mode=0o700, exist_ok=True)
    for left_behind in file.parent.glob(".*.new"):
        left_behind.unlink()
    with NamedTemporaryFile(dir=file.parent, prefix=".", suffix=".new") as raw:
        with gzip.GzipFile(filename="", fileobj=raw, mode="wb", mtime=0) as packed:
            packed.writelines(f"{text}\n".encode("ascii") for text in content)
        raw.flush()
        os.fsync(raw.fileno())
        # A hard link instead of a rename, because a rename could replace another file.
        os.link(raw.name, file)


def fsync_folder(folder: Path) -> None:
    """Flush the names in an account's folder, and the folder's own name, to disk."""
    for each in (folder, folder.parent):
        handle = os.open(each, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def verify(root: Path, account_id: str) -> ChainReport:
    """Verify an account's files from its first event on."""
    found = ChainReport(account_id)
    for file in sorted(folder_of(root, account_id).glob(_FILES)):
        known = len(found.faults)
        try:
            for text in lines(file):
                found.follow(*_link(account_id, text))
        except _UNREADABLE as error:
            found.faults.append(f"the entry after number {found.length} is not a valid event: {error!r}")
        except BadFile as error:
            found.faults.append(str(error))
        found.faults[known:] = [f"{file.name}: {fault}" for fault in found.faults[known:]]
    return found


def _link(account_id: str, text: str) -> Link:
    fields = json.loads(text)
    link = AuditSeal(seq=fields["seq"], account_id=account_id, position=int(fields["position"]))
    link.previous_hash, link.hash = bytes.fromhex(fields["previous_hash"]), bytes.fromhex(fields["hash"])
    facts = {name: fields[name] for name in _FACTS}
    return link, AuditEvent(**facts, at=datetime.fromisoformat(fields["at"]))
