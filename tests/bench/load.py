"""Send one kind of request repeatedly over keep-alive connections, from one thread, and time each response."""

import selectors
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass
class Measured:
    """The number of responses, the seconds they took in total, and the time of each."""

    seconds: float
    times: list[float]

    @property
    def per_second(self) -> float:
        return len(self.times) / self.seconds

    def slowest_of(self, share: float) -> float:
        """The time in milliseconds below which this share of the responses stayed."""
        return sorted(self.times)[int(len(self.times) * share) - 1] * 1000


def request(method: str, path: str, body: bytes = b"", **headers: str) -> bytes:
    """Return the whole request as bytes. A body is JSON."""
    lines = [f"{method} {path} HTTP/1.1", "Host: bench", *(f"{name}: {value}" for name, value in headers.items())]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


def post(path: str, key: str, body: bytes) -> bytes:
    """Return a request that posts JSON, with this API key."""
    return request("POST", path, body, Authorization=f"Bearer {key}")


def get(path: str, key: str) -> bytes:
    """Return a GET request with this API key."""
    return request("GET", path, Authorization=f"Bearer {key}")


def measure(address: tuple[str, int], ask: Callable[[], bytes], *, connections: int, seconds: float) -> Measured:
    """Keep this many requests in flight for this many seconds. Raises for any response but a success."""
    times: list[float] = []
    with selectors.DefaultSelector() as selector:
        for _ in range(connections):
            link = socket.create_connection(address)
            selector.register(link, selectors.EVENT_READ)
        began = time.perf_counter()
        sent_at = {}
        for entry in selector.get_map().values():
            entry.fileobj.sendall(ask())
            sent_at[entry.fd] = time.perf_counter()
        while (now := time.perf_counter()) < began + seconds:
            for entry, _ in selector.select(1):
                _read(entry.fileobj)
                now = time.perf_counter()
                times.append(now - sent_at[entry.fd])
                entry.fileobj.sendall(ask())
                sent_at[entry.fd] = now
        took = now - began
        for entry in list(selector.get_map().values()):
            entry.fileobj.close()
    return Measured(took, times)


def in_turns(*sides: tuple[tuple[str, int], Callable[[], bytes]], connections: int, seconds: float) -> list[Measured]:
    """Return the median of three rounds for each side, after a warm-up. Rounds alternate, so other load affects all
    sides."""
    for address, ask in sides:
        measure(address, ask, connections=2, seconds=1)
    rounds = [[measure(*side, connections=connections, seconds=seconds) for side in sides] for _ in range(3)]
    return [sorted(taken, key=lambda each: each.per_second)[1] for taken in zip(*rounds, strict=True)]


def _read(link: socket.socket) -> None:
    head, _, body = link.recv(262_144).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 2"), head + body
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
    missing = length - len(body)
    while missing > 0:
        missing -= len(link.recv(min(missing, 262_144)))
