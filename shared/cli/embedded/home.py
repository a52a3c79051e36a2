"""The data folder of `usher up`: its secrets, its database, its caught mails and its logs, for its owner alone."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.cli.embedded.process import CannotStart
from shared.tokens import draw

_SECRETS = "secrets.json"
_LOCK = "lock"


class Secrets(BaseModel):
    """What is drawn at the first start and found again at every later one."""

    model_config = ConfigDict(extra="forbid")

    secret_key: str = Field(default_factory=draw)
    operator_key: str = Field(default_factory=draw)
    owner_password: str = Field(default_factory=draw)
    api_key: str = Field(default_factory=draw)


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


@contextmanager
def occupied(folder: Path) -> Iterator[Home]:
    """The data folder, made at the first time, and nobody else's for the length of the block; raises `CannotStart`."""
    try:
        home, lock = _open(folder.resolve())
    except OSError as error:
        raise CannotStart(f"The data folder can't be used: {error}.") from None
    with lock:
        yield home


def _open(folder: Path) -> tuple[Home, IO[str]]:
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / _SECRETS).exists() and any(entry.name != _LOCK for entry in folder.iterdir()):
        raise CannotStart(f"{folder} is not empty and has no {_SECRETS}: it is no data folder, or a damaged one.")
    folder.chmod(0o700)
    lock = (folder / _LOCK).open("a")
    _take(lock, folder)
    home = Home(folder, _secrets(folder / _SECRETS))
    home.logs.mkdir(exist_ok=True)
    home.mailbox.mkdir(exist_ok=True)
    return home, lock


def _take(lock: IO[str], folder: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise CannotStart(f"Another `usher up` uses {folder}. Stop it, or say another folder: --data-dir.") from None


def _secrets(path: Path) -> Secrets:
    try:
        secrets = Secrets.model_validate_json(path.read_bytes()) if path.exists() else Secrets()
    except ValidationError:
        raise CannotStart(f"{path} is damaged. Restore it, or move {path.parent} away to start afresh.") from None
    fresh = path.with_name(f".{path.name}")
    fresh.touch(mode=0o600)
    fresh.write_text(secrets.model_dump_json(indent=2))
    fresh.rename(path)
    return secrets
