"""A journal of emails in progress, from which another process on this machine recovers after a crash or disconnection.

The mail server's acceptance is written to a file at once. The commit that records it follows with those of other
emails. A kill leaves the file and releases its lock. A process that finds an unlocked file knows that its writer is
dead, what it had sent, and that its other jobs are free. A process that lives, but could not record for longer than its
lease, is read as well, by the next process that claims its jobs. Without the file, after a crash of the whole machine
or without a usable folder, leases expire as usual, and unrecorded emails are sent again.
"""

import fcntl
import hashlib
import json
import os
import secrets
import stat
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote

from msgspec.json import encode

from shared.observability import log
from shared.settings.settings import Settings

logger = log.get(__name__)

_ENDING = ".journal"


@dataclass(frozen=True, slots=True)
class Leftover:
    """The remains of a dead process: its leases' name prefix, and per lease the server's reply for each sent job."""

    owners: str
    sent: Mapping[str, Mapping[str, str]]


class SentJournal:
    """The journal file of one process, whose leases have names that begin with `owners`."""

    def __init__(self, folder: Path, owners: str) -> None:
        self.folder = folder
        self._path = folder / f"{quote(owners, safe='')}.{secrets.token_hex(4)}{_ENDING}"
        self._file = -1
        self._open()

    def _open(self) -> None:
        try:
            _make_private(self.folder)
            # Other processes find it by its final name, so it gets that name once it is locked.
            new = self._path.with_suffix(".new")
            self._file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
            fcntl.flock(self._file, fcntl.LOCK_EX)
            new.rename(self._path)
        except OSError as error:
            logger.warning("no journal is kept; a killed worker may cause a few duplicate emails", why=str(error))

    def note(self, owner: str, job_id: str, reply: str) -> None:
        """Note that the mail server accepted the email of this job, held under this lease, with this reply."""
        if self._file >= 0:
            with suppress(OSError):  # A full disk costs the record, not the email.
                os.write(self._file, encode((owner, job_id, reply)) + b"\n")

    def forget(self) -> None:
        """Clear the notes once all are recorded. If the folder was cleaned up, begin a new file."""
        if self._file >= 0:
            with suppress(OSError):
                os.ftruncate(self._file, 0)
            if os.fstat(self._file).st_nlink == 0:
                os.close(self._file)
                self._file = -1
                self._open()

    def close(self) -> None:
        """Close the file. Keep it only if it has unrecorded notes, for the next process."""
        if self._file >= 0:
            with suppress(OSError):
                if not os.fstat(self._file).st_size:
                    self._path.unlink(missing_ok=True)
            os.close(self._file)
            self._file = -1


def find_leftovers(folder: Path) -> Iterator[Leftover]:
    """The journals of dead processes. Each file is deleted after its iteration of the loop."""
    for path in _journals(folder):
        with suppress(OSError), path.open(errors="replace") as file:
            if _is_dead(file.fileno()):
                owners = unquote(path.name.removesuffix(_ENDING).rpartition(".")[0])
                yield Leftover(owners, _read(file))
                path.unlink()


def unrecorded(folder: Path) -> Mapping[str, str]:
    """The mail server's replies that are noted and may not be recorded yet, by job id.

    Read it before you claim jobs. A process clears its notes only once they are recorded, or once it sees that another
    process holds the jobs.
    """
    found: dict[str, str] = {}
    for path in _journals(folder):
        with suppress(OSError), path.open(errors="replace") as file:
            for reply in _read(file).values():
                found |= reply
    return found


def _journals(folder: Path) -> list[Path]:
    """The journals in the folder; none if it isn't private or disappears."""
    with suppress(OSError):
        return list(folder.glob(f"*{_ENDING}")) if _is_private(folder) else []
    return []


def folder_of(settings: Settings) -> Path:
    """The folder for the journals of one installation on this machine."""
    if settings.journal_dir is not None:
        return settings.journal_dir
    installation = hashlib.sha256(settings.database_url.encode()).hexdigest()[:12]
    try:
        place = tempfile.gettempdir()
    except FileNotFoundError:  # No folder is writable. Opening the journal reports it.
        place = "/tmp"  # noqa: S108
    return Path(place) / f"usher-{os.getuid()}-{installation}"


def _make_private(folder: Path) -> None:
    """Create the folder for this user only. Raises `PermissionError` if others can write to it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not _is_private(folder):
        raise PermissionError(f"others can write to {folder}")


def _is_private(folder: Path) -> bool:
    try:
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o022


def _is_dead(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read(lines: Iterable[str]) -> Mapping[str, Mapping[str, str]]:
    sent: dict[str, dict[str, str]] = defaultdict(dict)
    for line in lines:
        # A kill may have cut a line short, or the disk may have been full.
        with suppress(ValueError):
            owner, job_id, reply = json.loads(line)
            sent[owner][job_id] = reply
    return sent
