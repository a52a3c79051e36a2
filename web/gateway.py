"""Between the server's connections and the application: bodies are read before a thread is taken for them.

The server reads from all connections at once and gives us each request once its head is here. A body is waited for
without a thread, with a bound on its size, its time and its rate. Then at most so many requests are answered at a time;
further ones wait their turn in a queue with an end. What only says that we live is answered at once, whatever waits.
"""

import threading
import time
from collections import deque
from typing import Any

from werkzeug.exceptions import RequestEntityTooLarge, RequestTimeout

from shared.errors import Unavailable
from shared.observability import log
from web.sender import Sender
from web.wsgi import Application, Environ, environ_of, with_body

REFUSAL = "usher.refusal"
"""Where a request's environment has the error that it is to be answered with, instead of by its view."""

GRACE_SECONDS = 10.0
LEAST_RATE = 16 * 1024
"""A body has so many seconds, and one more for each so many bytes that have come."""

STOPPING_SECONDS = 2.0
"""How long a stopping server still waits for a body."""

MOST_HELD = 128 * 1024 * 1024
"""The bytes of all bodies together that a process holds while they are being read."""

MOST_WAITING = 1000
"""The requests of a process that wait for their turn; there is no place for more."""

MOST_DRAINED, DRAIN_SECONDS = 8 * 1024 * 1024, 2.0
"""How much, and for how long, is still read from a caller whose body was refused for its size."""

_AT_ONCE = frozenset({"/healthz"})
_LOOK_EVERY = 0.25

logger = log.get(__name__)


class Exchange:
    """One request on its way: its environment, and the connection that its answer goes to."""

    __slots__ = ("body", "closes", "due", "environ", "future", "left", "length", "protocol")

    def __init__(self, environ: Environ, protocol: Any) -> None:
        self.environ = environ
        self.protocol = protocol
        self.body = bytearray()
        self.due = time.monotonic() + GRACE_SECONDS
        self.future: Any = None
        self.closes = False
        self.left = 0
        chunked = "HTTP_TRANSFER_ENCODING" in environ
        self.length = None if chunked else int(environ.get("CONTENT_LENGTH") or 0)


class Gateway:
    """Takes requests for a WSGI application and answers `most` at a time; `largest` bounds a body, in bytes."""

    def __init__(self, application: Application, *, most: int, largest: int) -> None:
        self._application = application
        self._largest = largest
        self._free = most
        self._waiting: deque[Exchange] = deque()
        self._turns = threading.Lock()
        self._reading: dict[int, Exchange] = {}
        self._held = 0
        self._stopping = False
        threading.Thread(target=self._watch, name="bodies", daemon=True).start()

    def take(self, watcher: Any) -> None:
        """Begin with one request, as the server gives it; never raises, and never waits for its body."""
        try:
            self._begin(Exchange(environ_of(watcher.scope), watcher.proto))
        except BaseException as error:
            logger.error("a request could not be taken", exc_info=error)
            watcher.done()
        del watcher

    def stop(self) -> None:
        """Wait for no body much longer: the process is to end."""
        self._stopping = True

    def _begin(self, exchange: Exchange) -> None:
        if exchange.length == 0:
            self._enqueue(exchange)
        elif exchange.length is not None and exchange.length > self._largest:
            self._refuse(exchange, RequestEntityTooLarge())
        else:
            self._reading[id(exchange)] = exchange
            self._read_on(exchange)

    def _read_on(self, exchange: Exchange) -> None:
        """Take in what is here of a body, and have ourselves called for the rest of it."""
        future = exchange.protocol.receive()
        while hasattr(future, "done") and future.done():
            if not self._take_in(exchange, future.result()):
                return
            future = exchange.protocol.receive()
        if hasattr(future, "done"):
            exchange.future = future
            future.add_done_callback(lambda future: self._received(exchange, future))
        else:  # The caller has hung up.
            self._let_go(exchange)

    def _received(self, exchange: Exchange, future: Any) -> None:
        """Take in a piece of a body, in whatever thread it came; the last one moves the request on."""
        # The server's futures are no part of Python's garbage collection: a circle would stay for good.
        exchange.future = None
        try:
            if id(exchange) in self._reading and not future.cancelled() and self._take_in(exchange, future.result()):
                self._read_on(exchange)
        except BaseException as error:
            logger.error("a body could not be read", exc_info=error)
            self._let_go(exchange)

    def _take_in(self, exchange: Exchange, message: dict[str, Any]) -> bool:
        """Whether more of the body is to come."""
        if message["type"] != "http.request":
            return self._let_go(exchange)
        piece, more = message["body"], message.get("more_body", False)
        if exchange.closes:
            exchange.left -= len(piece)
            return (more and exchange.left > 0) or self._let_go(exchange)
        exchange.body += piece
        exchange.due += len(piece) / LEAST_RATE
        with self._turns:
            self._held += len(piece)
        if len(exchange.body) > self._largest:
            self._refuse(exchange, RequestEntityTooLarge())
        elif self._held > MOST_HELD:
            self._refuse(exchange, _busy())
        elif len(exchange.body) == exchange.length or not more:
            if self._leave(exchange):
                self._enqueue(exchange)
        else:
            return True
        return False

    def _leave(self, exchange: Exchange) -> bool:
        """Read no more of this one; False where that was decided already."""
        with self._turns:
            known = self._reading.pop(id(exchange), None) is not None
            if known:
                self._held -= len(exchange.body)
        return known

    def _refuse(self, exchange: Exchange, refusal: Exception) -> None:
        """Answer with an error instead; what of the body has not come yet is not read."""
        self._leave(exchange)
        exchange.body, exchange.closes = bytearray(), True
        exchange.environ[REFUSAL] = refusal
        self._answer(exchange)
        if isinstance(refusal, RequestEntityTooLarge):
            # Who still writes would not see the answer if the connection broke now.
            exchange.left, exchange.due = MOST_DRAINED, time.monotonic() + DRAIN_SECONDS
            self._reading[id(exchange)] = exchange
            self._read_on(exchange)
        else:
            self._let_go(exchange)

    def _let_go(self, exchange: Exchange) -> bool:
        """Let the server close the connection, whatever is missing of the body; False, for nothing more is to come."""
        self._leave(exchange)
        future, exchange.future, exchange.protocol = exchange.future, None, None
        if future is not None:
            future.cancel()
        return False

    def _enqueue(self, exchange: Exchange) -> None:
        """Answer it now, if it is its turn, and then those that have come to wait meanwhile."""
        if exchange.environ["PATH_INFO"] in _AT_ONCE:
            self._answer(exchange)
            return
        with self._turns:
            full = not self._free and len(self._waiting) >= MOST_WAITING
            if not full and not self._free:
                self._waiting.append(exchange)
                return
            self._free -= 0 if full else 1
        if full:
            self._refuse(exchange, _busy())
            return
        turn: Exchange | None = exchange
        while turn is not None:
            self._answer(turn)
            with self._turns:
                turn = self._waiting.popleft() if self._waiting else None
                self._free += turn is None

    def _answer(self, exchange: Exchange) -> None:
        """Have the application answer, and send that."""
        sender = Sender(exchange.protocol.send, closes=exchange.closes)
        try:
            environ = with_body(exchange.environ, exchange.body)
            sender.send(self._application(environ, sender.start))
        except BaseException as error:
            logger.error("a request could not be answered", exc_info=error)
            sender.abort()
        finally:
            sender.close()
            if not exchange.closes:
                exchange.protocol = None

    def _watch(self) -> None:
        """Refuse those whose body doesn't come in time."""
        while True:
            time.sleep(_LOOK_EVERY)
            now = time.monotonic()
            for exchange in list(self._reading.values()):
                if self._stopping:
                    exchange.due = min(exchange.due, now + STOPPING_SECONDS)
                if now > exchange.due and self._leave(exchange):
                    self._let_go(exchange) if exchange.closes else self._refuse(exchange, RequestTimeout())


def _busy() -> Exception:
    return Unavailable(
        "Too many requests wait for their turn. Nothing was changed.", remedy="Send it again in a few seconds."
    )
