"""The data folder of `usher up`: its secrets, its database, its caught mails and its logs, for its owner alone."""

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
    """What is drawn at the first start and found again at every later one."""

    secret_key: str = field(default_factory=draw)
    operator_key: str = field(default_factory=draw)
    owner_password: str = field(default_factory=draw)
    api_key: str | None = None

    def __post_init__(self) -> None:
        """Raise `TypeError` for what is no text."""
        drawn = (self.secret_key, self.operator_key, self.owner_password)
        if not (all(isinstance(each, str) for each in drawn) and isinstance(self.api_key, str | None)):
            raise TypeError("a secret is a text")


@dataclass(frozen=True, slots=True)
class Home:
    """The data folder, while it is ours."""

    folder: Path
    secrets: Secrets

    @property
    def logs(self) -> Path:
        """Where each part logs to a file of its own."""
        return self.folder / "logs"

    @property
    def mailbox(self) -> Path:
        """Where the mail catcher keeps the mails."""
        return self.folder / "mailbox"

    def keep(self, *, api_key: str) -> None:
        """Keep the demo's key with the other secrets."""
        self.secrets.api_key = api_key
        _write(self.folder / _SECRETS, self.secrets)


@contextmanager
def locked_home(folder: Path) -> Iterator[Home]:
    """The data folder, made at the first time, and nobody else's for the length of the block; raises `CannotStart`."""
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
        raise CannotStart(f"{folder} is not empty and has no {_SECRETS}: it is no data folder, or a damaged one.")
    folder.chmod(0o700)


def _take(lock: IO[str], folder: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise CannotStart(f"Another `usher up` uses {folder}. Stop it, or say another folder: --data-dir.") from None


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
