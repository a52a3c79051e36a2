"""The data folder of `usher up`: its secrets, database, caught emails and logs, readable only by its owner."""

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO

from shared.cli.embedded.process import CannotStart
from shared.tokens import draw

_SECRETS = "secrets.json"
_FRESH = f".{_SECRETS}"
_LOCK = "lock"


@dataclass(slots=True)
class Secrets:
    """The secrets that the first start generates and later starts reuse."""

    secret_key: str = field(default_factory=draw)
    operator_key: str = field(default_factory=draw)
    owner_password: str = field(default_factory=draw)
    api_key: str | None = None

    def __post_init__(self) -> None:
        """Raise `TypeError` if a secret is not text."""
        drawn = (self.secret_key, self.operator_key, self.owner_password)
        if not (all(isinstance(each, str) for each in drawn) and isinstance(self.api_key, str | None)):
            raise TypeError("a secret is a text")


@dataclass(frozen=True, slots=True)
class Home:
    """The data folder, while this process has locked it."""

    folder: Path
    secrets: Secrets

    @property
    def logs(self) -> Path:
        """The folder with one log file per component."""
        return self.folder / "logs"

    @property
    def mailbox(self) -> Path:
        """The folder of the mail catcher."""
        return self.folder / "mailbox"

    def keep(self, *, api_key: str) -> None:
        """Save the demo's API key with the other secrets."""
        self.secrets.api_key = api_key
        _write(self.folder / _SECRETS, self.secrets)


@contextmanager
def locked_home(folder: Path) -> Iterator[Home]:
    """Create the data folder if needed and lock it for the block. Raises `CannotStart`."""
    folder = folder.resolve()
    with _complaining():
        _make(folder)
        lock = (folder / _LOCK).open("a")
    with lock:
        with _complaining():
            _take(lock, folder)
            home = Home(folder, _secrets(folder / _SECRETS))
            home.logs.mkdir(exist_ok=True)
            home.mailbox.mkdir(exist_ok=True)
        yield home


@contextmanager
def _complaining() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CannotStart(f"The data folder can't be used: {error}.") from None


def _make(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / _SECRETS).exists() and any(entry.name not in {_LOCK, _FRESH} for entry in folder.iterdir()):
        raise CannotStart(f"{folder} is not empty and has no {_SECRETS}: it isn't a data folder, or it is damaged.")
    folder.chmod(0o700)


def _take(lock: IO[str], folder: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise CannotStart(
            f"Another `usher up` uses {folder}. Stop it, or choose another folder with --data-dir."
        ) from None


def _secrets(path: Path) -> Secrets:
    try:
        secrets = Secrets(**json.loads(path.read_bytes())) if path.exists() else Secrets()
    except (ValueError, TypeError):
        raise CannotStart(f"{path} is damaged. Restore it, or move {path.parent} away to start afresh.") from None
    _write(path, secrets)
    return secrets


def _write(path: Path, secrets: Secrets) -> None:
    fresh = path.with_name(_FRESH)
    fresh.touch(mode=0o600)
    fresh.write_text(json.dumps(asdict(secrets), indent=2))
    fresh.rename(path)
