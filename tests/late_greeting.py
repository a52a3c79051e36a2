"""A host of an SMTP server that accepts connections at once, but delays the server's greeting."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def late_greeting(port: int, *, seconds: float) -> Iterator[int]:
    """The port of a host that forwards each connection to the server at `port` after this many seconds."""
    callers: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=_accept, args=(listening, callers, port, seconds), daemon=True).start()
        yield listening.getsockname()[1]
    for caller in callers:
        caller.close()


def _accept(listening: socket.socket, callers: list[socket.socket], port: int, seconds: float) -> None:
    with suppress(OSError):
        while True:
            caller, _ = listening.accept()
            callers.append(caller)
            threading.Thread(target=_pass_on, args=(caller, port, seconds), daemon=True).start()


def _pass_on(caller: socket.socket, port: int, seconds: float) -> None:
    time.sleep(seconds)
    with suppress(OSError), caller, socket.create_connection(("127.0.0.1", port)) as server:
        back = threading.Thread(target=_pump, args=(server, caller), daemon=True)
        back.start()
        _pump(caller, server)
        back.join()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(65536):
            target.sendall(piece)
        target.shutdown(socket.SHUT_WR)
