"""Sends the responses of a WSGI application to the server, as ASGI messages."""

import threading
from collections.abc import Callable
from typing import Any

READER_SECONDS = 30.0
"""The longest that a client may take to read the next part of a long response, in seconds."""


class Sender:
    """Sends the response of a WSGI application over the connection of its request."""

    def __init__(self, send: Callable[[dict[str, Any]], Any], *, closes: bool) -> None:
        self._send = send
        self._closing = [(b"connection", b"close")] if closes else []
        self._begun = False
        self._status = 500
        self._headers: list[tuple[str, str]] = []

    def start(self, status: str, headers: list[tuple[str, str]], *_: Any) -> None:
        """Take the status and the headers: the `start_response` of WSGI."""
        self._status, self._headers = int(status[:3]), headers

    def send(self, pieces: Any) -> None:
        """Send the body: in one message if its length is known, else part by part as the client reads it."""
        try:
            if any(name.lower() == "content-length" for name, _ in self._headers):
                self._body(b"".join(pieces), more=False)
            else:
                for piece in pieces:
                    self._body(piece, more=True)
                self._body(b"", more=False)
        finally:
            if hasattr(pieces, "close"):
                pieces.close()

    def close(self) -> None:
        """Release the connection: the traceback of an error may keep this object for long."""
        del self._send

    def abort(self) -> None:
        """Send a 500 if nothing has been sent yet; else break off."""
        if not self._begun:
            self._status, self._headers = 500, []
            self._body(b"", more=False)

    def _body(self, piece: bytes, *, more: bool) -> None:
        if not self._begun:
            self._begun = True
            headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in self._headers]
            self._send({"type": "http.response.start", "status": self._status, "headers": headers + self._closing})
        sent = self._send({"type": "http.response.body", "body": piece, "more_body": more})
        if more and hasattr(sent, "add_done_callback"):
            _wait_for(sent)


def _wait_for(sent: Any) -> None:
    """Wait until the client has read what was sent before; raises `TimeoutError` if it does not."""
    taken = threading.Event()
    sent.add_done_callback(lambda _: taken.set())
    if not taken.wait(READER_SECONDS):
        raise TimeoutError("the client stopped reading the response")
