"""An SMTP server that accepts everything and keeps nothing but a count, and the time of the last email."""

import asyncio
import multiprocessing
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.sharedctypes import Synchronized

from shared.cli.embedded.stack import free_port


class Sink:
    """The state shared with the mail server's process."""

    def __init__(self) -> None:
        self.port = free_port("127.0.0.1")
        self._count: Synchronized[int] = multiprocessing.Value("q", 0)
        self._last_at: Synchronized[float] = multiprocessing.Value("d", 0.0)

    def serve(self) -> None:
        """Accept emails until killed."""
        asyncio.run(self._serve())

    def wait_for(self, count: int, *, within: float = 600) -> float:
        """The time (`time.monotonic`) at which this many emails had arrived."""
        deadline = time.monotonic() + within
        while self._count.value < count:
            assert time.monotonic() < deadline, f"{self._count.value} of {count} emails after {within} s"
            time.sleep(0.02)
        return float(self._last_at.value)

    def empty(self) -> None:
        """Reset the count."""
        self._count.value = 0

    def took_one(self) -> None:
        self._count.value += 1
        self._last_at.value = time.monotonic()

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: _Conversation(self), "127.0.0.1", self.port)
        await server.serve_forever()


class _Conversation(asyncio.Protocol):
    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._left = b""
        self._in_mail = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        # As Postfix does: a reply is sent at once only if all previous packets were acknowledged.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 0)
        transport.write(b"220 sink ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        self._left += data
        answers = []
        while self._left:
            end, mark = (b"\r\n.\r\n", 5) if self._in_mail else (b"\r\n", 2)
            place = self._left.find(end)
            if place < 0:
                break
            text, self._left = self._left[:place], self._left[place + mark :]
            answers.append(self._answer(text[:4].upper()))
        if answers:
            self._transport.write(b"".join(answers))
        if answers and answers[-1].startswith(b"221"):
            self._transport.close()

    def _answer(self, word: bytes) -> bytes:
        if self._in_mail:
            self._in_mail = False
            self._sink.took_one()
            return b"250 2.0.0 taken\r\n"
        if word == b"DATA":
            self._in_mail = True
            return b"354 go on\r\n"
        if word == b"EHLO":
            return b"250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n"
        if word == b"QUIT":
            return b"221 bye\r\n"
        return b"250 2.1.0 ok\r\n"


@contextmanager
def sink() -> Iterator[Sink]:
    """A running sink."""
    taking = Sink()
    process = multiprocessing.get_context("fork").Process(target=taking.serve, daemon=True)
    process.start()
    try:
        yield taking
    finally:
        process.kill()
        process.join()
