"""A web server as a separate process, and requests to it byte by byte, as no client library would send them."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shared.cli.embedded.stack import free_port
from shared.settings.settings import Settings
from tests.cli.processes import eventually
from tests.conftest import environment


class RawServer:
    """A running `usher web`, whose log is a file."""

    def __init__(self, port: int, process: subprocess.Popen[bytes], log: Path) -> None:
        self.port, self.process, self.log = port, process, log

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=15)

    def send(self, *parts: bytes) -> bytes:
        """Everything received until the connection ends."""
        with self.connect() as link:
            for part in parts:
                link.sendall(part)
            return read_all(link)

    def ask(self, path: str, *headers: str, method: str = "GET", body: bytes = b"") -> bytes:
        return self.send(request(path, *headers, "Connection: close", method=method, body=body))

    def is_up(self) -> bool:
        try:
            return self.ask("/healthz").startswith(b"HTTP/1.1 200")
        except OSError:
            return False


@contextmanager
def raw_server(settings: Settings, folder: Path, *, output: str = "", **more: str) -> Iterator[RawServer]:
    """A server during the block. Its output goes to `output`, or to a log in the folder."""
    port, log = free_port("127.0.0.1"), folder / "web.log"
    events = environment(settings) | {"USHER_WEB_PORT": str(port)} | more
    with Path(output or log).open("wb") as sink:
        command = [sys.executable, "-m", "shared.cli", "web"]
        process = subprocess.Popen(command, env=os.environ | events, stdout=sink, stderr=sink)
    server = RawServer(port, process, log)
    try:
        eventually(server.is_up, within=60)
        yield server
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(15)
        finally:
            process.kill()


def request(path: str, *headers: str, method: str = "GET", body: bytes = b"") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", *headers]
    lines += [f"Content-Length: {len(body)}", "Content-Type: application/json"] if body else []
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def read_all(link: socket.socket) -> bytes:
    received = b""
    while piece := link.recv(65536):
        received += piece
    return received
