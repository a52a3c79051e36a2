"""An SMTP server that misbehaves by script and keeps an fsynced ledger of accepted emails; run as a process.

    python -m tests.faults.sink PORT LEDGER '{"seed": 1, "refuse": 0.3, "drop": 0.01}' [ADDRESS]

Each line of the ledger is one email at its final dot: `taken` (in the ledger before the 250 goes out), `refused` (4xx),
`dropped` (accepted, then disconnected without a reply) or `vanished` (not accepted, disconnected the same way).
Emails to slow.example are answered `slow` seconds late. SIGUSR1 ends all misbehavior.
"""

import asyncio
import json
import os
import random
import re
import signal
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any, TextIO

_MESSAGE_ID = re.compile(rb"^Message-ID: *<([^>]+)>", re.IGNORECASE | re.MULTILINE)


class Sink:
    """The state shared by all connections: the script, the ledger, and the number of tries of each email."""

    def __init__(self, ledger: TextIO, *, seed: int, refuse: float = 0, drop: float = 0, slow: float = 0) -> None:
        self.ledger = ledger
        self.seed, self.refuse, self.drop, self.slow = seed, refuse, drop, slow
        self.tries = Counter[str]()

    def calm(self) -> None:
        """Stop misbehaving."""
        self.refuse = self.drop = self.slow = 0

    def verdict(self, message_id: str) -> str:
        """Decide the fate of this email now. Deterministic for seed, email and try."""
        self.tries[message_id] += 1
        chance = random.Random(f"{self.seed} {message_id} {self.tries[message_id]}").random()
        if chance < self.refuse:
            return "refused"
        if chance < self.refuse + self.drop:
            return "dropped" if chance < self.refuse + self.drop / 2 else "vanished"
        return "taken"

    def write(self, **line: Any) -> None:
        """Write a line that survives our own death."""
        self.ledger.write(json.dumps({"at": time.time(), **line}) + "\n")
        self.ledger.flush()
        os.fsync(self.ledger.fileno())


class Conversation(asyncio.Protocol):
    """One connection."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._buffer = b""
        self._content: list[bytes] | None = None
        self._recipient = ""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._say("220 sink.test ESMTP")

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        *lines, self._buffer = self._buffer.split(b"\r\n")
        for line in lines:
            if self._content is None:
                self._command(line)
            elif line == b".":
                self._end_of_mail(b"\r\n".join(self._content))
            else:
                self._content.append(line)

    def _command(self, line: bytes) -> None:
        word = line[:4].upper()
        if word == b"EHLO":
            self._say("250-sink.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SMTPUTF8")
        elif word == b"RCPT":
            self._recipient = line.partition(b"<")[2].partition(b">")[0].decode()
            self._say("250 2.1.5 ok")
        elif word == b"DATA":
            self._content = []
            self._say("354 go on")
        elif word == b"QUIT":
            self._say("221 bye")
            self._transport.close()
        else:
            self._say("250 2.0.0 ok")

    def _end_of_mail(self, content: bytes) -> None:
        self._content = None
        found = _MESSAGE_ID.search(content)
        message_id = found[1].decode() if found else ""
        verdict = self._sink.verdict(message_id)
        if self._recipient.endswith("@slow.example"):
            asyncio.get_running_loop().call_later(self._sink.slow, self._answer, message_id, verdict)
        else:
            self._answer(message_id, verdict)

    def _answer(self, message_id: str, verdict: str) -> None:
        self._sink.write(id=message_id, to=self._recipient, verdict=verdict)
        if verdict in {"dropped", "vanished"}:
            self._transport.abort()
        else:
            self._say("250 2.0.0 taken" if verdict == "taken" else "451 4.7.1 greylisted, come back")

    def _say(self, reply: str) -> None:
        if not self._transport.is_closing():
            self._transport.write(reply.encode() + b"\r\n")


async def serve(address: str, port: int, sink: Sink) -> None:
    """Serve until killed."""
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, sink.calm)
    server = await loop.create_server(lambda: Conversation(sink), address, port)
    await server.serve_forever()


if __name__ == "__main__":
    with Path(sys.argv[2]).open("a") as ledger:
        address = sys.argv[4] if len(sys.argv) > 4 else "127.0.0.1"
        asyncio.run(serve(address, int(sys.argv[1]), Sink(ledger, **json.loads(sys.argv[3]))))
