"""What one process has under way, kept so that another process of this machine finds it when this one is killed or cut
off from the database.

The mail server's yes is noted here the moment it comes, in a file; the commit that records it follows with those of
other mails. A kill leaves the file and takes the lock on it, so whoever finds a file unlocked knows that its writer is
dead, what it had mailed, and that nobody works on what else it held. A process that lives, but could not record for
longer than its lease, is read as well, by the next process that claims its jobs. Without the file, after the machine
itself went down or where no folder can be had, leases run out as ever, and what stood unrecorded is mailed again.
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
    """What a dead process left: how the names of its leases begin, and for each of them what the server said to
    the mails of which jobs."""

    owners: str
    sent: Mapping[str, Mapping[str, str]]


class SentJournal:
    """The file of one process, whose leases have names that begin with `owners`."""

    def __init__(self, folder: Path, owners: str) -> None:
        self.folder = folder
        self._path = folder / f"{quote(owners, safe='')}.{secrets.token_hex(4)}{_ENDING}"
        self._file = -1
        self._open()

    def _open(self) -> None:
        try:
            _make_private(self.folder)
            # It gets its name, by which others find it, once it is locked.
            new = self._path.with_suffix(".new")
            self._file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
            fcntl.flock(self._file, fcntl.LOCK_EX)
            new.rename(self._path)
        except OSError as error:
            logger.warning("no journal is kept; a kill may cost a few second copies", why=str(error))

    def note(self, owner: str, job_id: str, reply: str) -> None:
        """The mail server has taken the mail of this job, held under this lease, with these words."""
        if self._file >= 0:
            with suppress(OSError):  # A full disk costs the certainty, not the mail.
                os.write(self._file, encode((owner, job_id, reply)) + b"\n")

    def forget(self) -> None:
        """All that was noted is recorded; where somebody has cleaned the folder away, begin anew."""
        if self._file >= 0:
            with suppress(OSError):
                os.ftruncate(self._file, 0)
            if os.fstat(self._file).st_nlink == 0:
                os.close(self._file)
                self._file = -1
                self._open()

    def close(self) -> None:
        """Leave nothing behind but what could not be recorded, for the next process."""
        if self._file >= 0:
            with suppress(OSError):
                if not os.fstat(self._file).st_size:
                    self._path.unlink(missing_ok=True)
            os.close(self._file)
            self._file = -1


def find_leftovers(folder: Path) -> Iterator[Leftover]:
    """What processes left that are dead by now; each file goes once its turn of the loop has come to its end."""
    for path in _journals(folder):
        with suppress(OSError), path.open(errors="replace") as file:
            if _is_dead(file.fileno()):
                owners = unquote(path.name.removesuffix(_ENDING).rpartition(".")[0])
                yield Leftover(owners, _read(file))
                path.unlink()


def unrecorded(folder: Path) -> Mapping[str, str]:
    """The mail server's answers to mails that are noted and perhaps not recorded yet, by the ids of their jobs.

    Read it before you claim: a process forgets its notes only once they are recorded, or once it has seen that another
    process holds the jobs.
    """
    found: dict[str, str] = {}
    for path in _journals(folder):
        with suppress(OSError), path.open(errors="replace") as file:
            for reply in _read(file).values():
                found |= reply
    return found


def _journals(folder: Path) -> list[Path]:
    """The journals in the folder; none where it is not ours, or goes away under our eyes."""
    with suppress(OSError):
        return list(folder.glob(f"*{_ENDING}")) if _is_private(folder) else []
    return []


def folder_of(settings: Settings) -> Path:
    """Where the processes of one installation on this machine keep their journals."""
    if settings.journal_dir is not None:
        return settings.journal_dir
    installation = hashlib.sha256(settings.database_url.encode()).hexdigest()[:12]
    try:
        place = tempfile.gettempdir()
    except FileNotFoundError:  # None can be written to; that is seen again where the journal is opened.
        place = "/tmp"  # noqa: S108
    return Path(place) / f"usher-{os.getuid()}-{installation}"


def _make_private(folder: Path) -> None:
    """The folder, for our eyes alone; one that somebody else has put there is not used."""
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
        # The kill may have come in the middle of a line, or the disk may have been full.
        with suppress(ValueError):
            owner, job_id, reply = json.loads(line)
            sent[owner][job_id] = reply
    return sent
