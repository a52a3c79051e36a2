"""Requests to other systems: slow, large or broken responses raise a named error, and no key is logged."""

import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from shared import http_client

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"


@contextmanager
def server(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """The address of a server that answers each connection like this."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    with connection, suppress(OSError):
                        connection.recv(65536)
                        answer(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/list?key=a-key-of-the-operator"


def test_an_answer_that_is_too_large_is_not_taken() -> None:
    def flood(connection: socket.socket) -> None:
        connection.sendall(HEAD + b"\r\n" + b"x" * 1_000_000)

    with server(flood) as url, pytest.raises(http_client.FAILURES, match="more than 1000 bytes"):
        http_client.get(url, seconds=5, largest=1000)


def test_an_answer_that_drips_ends_at_the_deadline() -> None:
    def drip(connection: socket.socket) -> None:
        connection.sendall(HEAD + b"\r\n")
        for _ in range(200):
            connection.sendall(b"x")
            time.sleep(0.05)

    with server(drip) as url:
        began = time.monotonic()
        with pytest.raises(http_client.FAILURES, match="whole answer"):
            http_client.get(url, seconds=0.5, largest=1000)
        assert time.monotonic() - began < 5


def test_an_answer_that_is_cut_short_is_no_answer() -> None:
    def cut(connection: socket.socket) -> None:
        connection.sendall(HEAD + b"Content-Length: 100\r\n\r\nhalf")

    with server(cut) as url, pytest.raises(http_client.FAILURES):
        http_client.get(url, seconds=5, largest=1000)


def test_the_key_in_an_address_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with server(lambda connection: connection.sendall(HEAD + b"Content-Length: 2\r\n\r\nok")) as url:
        assert http_client.get(url, seconds=5, largest=1000).body == b"ok"
    assert "a-key-of-the-operator" not in caplog.text
