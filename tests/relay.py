"""A TCP relay in front of a server, which can fall silent: packets are acknowledged, but not forwarded."""

import socket
import threading
from contextlib import suppress
from urllib.parse import parse_qs, urlsplit


class Relay:
    """Listens at `port` and forwards to a server. Use it in a `with` block."""

    def __init__(self, family: socket.AddressFamily, target: str | tuple[str, int]) -> None:
        self._family, self._target = family, target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._ends: list[socket.socket] = []
        self._speaks = threading.Event()
        self._speaks.set()
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> "Relay":
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
        self._speaks.set()
        # After a mere close, an accept in another thread would keep listening.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def fall_silent(self) -> None:
        """Stop forwarding. Connections stay open, and new ones are accepted."""
        self._speaks.clear()

    def speak(self) -> None:
        """Forward again, starting with what arrived meanwhile."""
        self._speaks.set()

    def close(self) -> None:
        """Close all current connections."""
        ends, self._ends = self._ends, []
        for end in ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.socket(self._family)
                far.connect(self._target)
                self._ends += [near, far]
                for source, target in ((near, far), (far, near)):
                    threading.Thread(target=self._pass_on, args=[source, target], daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError), source:
            while data := source.recv(65536):
                self._speaks.wait()
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)


def before_postgres(url: str) -> Relay:
    """A relay in front of the PostgreSQL at this address, which may be a Unix socket."""
    parts = urlsplit(url)
    query = parse_qs(parts.query)
    if "host" in query:
        return Relay(socket.AF_UNIX, f"{query['host'][0]}/.s.PGSQL.{query['port'][0]}")
    return Relay(socket.AF_INET, (parts.hostname or "127.0.0.1", parts.port or 5432))


def through(relay: Relay, url: str) -> str:
    """The address of the same database through the relay."""
    parts = urlsplit(url)
    user = parts.netloc.rpartition("@")[0]
    return f"postgresql://{user}@127.0.0.1:{relay.port}{parts.path}"
