"""Sends emails over one connection to the mail server, and reports exactly how far each one got.

The connection is kept for up to 100 emails or a minute, renewed when the server closes it, and reset after a refusal.
If the server supports it (RFC 2920), MAIL, RCPT and DATA of one email travel together, directly behind the previous
email if the next one is known. An email then costs one round trip instead of four. The timeouts follow RFC 5321,
4.5.3.2, as far as a lease allows. The one for the final dot is the longest, because giving up there means a duplicate.
"""

import errno
import re
import select
import smtplib
import socket
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

from shared.keepalive import keep_alive, tcp_options
from shared.mail.smtp_connection import COMMAND_SECONDS, GREETING_SECONDS, connect
from shared.mail.smtp_route import Route
from worker.mail.outcome import BEFORE_MAIL, Answer, Stage

DOT_TIMEOUT = 120.0

EMAILS_PER_CONNECTION = 100
SECONDS_PER_CONNECTION = 60.0

REST_SECONDS = 3.0
"""Seconds until an unreachable server is tried again. Until then its emails fail at once with the same answer."""

NONE_AHEAD_SECONDS = 600.0
"""Seconds without pipelined envelopes after a server closed the connection on one or stopped answering."""

_TCP = tcp_options(idle=10, interval=5, count=3)
"""A server that is busy still acknowledges these probes. One whose host vanished won't answer anymore."""

_UNSAFE = re.compile(r"[\x00-\x20\x7f<>]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")


class Envelope(NamedTuple):
    """The sender and recipient addresses of an email."""

    sender: str
    recipient: str

    @property
    def commands(self) -> tuple[bytes, ...]:
        """The SMTP commands that precede the content."""
        options = "" if self.recipient.isascii() else " SMTPUTF8 BODY=8BITMIME"
        return (
            f"MAIL FROM:<{self.sender}>{options}\r\n".encode(),
            f"RCPT TO:<{self.recipient}>\r\n".encode(),
            b"DATA\r\n",
        )

    def fits(self, client: smtplib.SMTP) -> bool:
        """Return True if the server supports these addresses."""
        return self.recipient.isascii() or client.has_extn("smtputf8")


_STEPS = ((Stage.SENDER, 2), (Stage.RECIPIENT, 2), (Stage.CONTENT, 3))


@dataclass(frozen=True, slots=True)
class _Outgoing:
    envelope: Envelope
    content: bytes
    following: str | None
    meanwhile: Callable[[], None]


class SmtpClient:
    """A client with one connection to the mail server, opened on first use."""

    def __init__(
        self,
        route: Route,
        *,
        command_timeout: float = COMMAND_SECONDS,
        dot_timeout: float = DOT_TIMEOUT,
        rest_seconds: float = REST_SECONDS,
        patience: Callable[[], AbstractContextManager[float]] = lambda: nullcontext(GREETING_SECONDS),
    ) -> None:
        """`patience` yields the seconds to wait for a greeting, and its block ends once the greeting arrives."""
        self._route = route
        self._patience = patience
        self._command_timeout = command_timeout
        self._dot_timeout = dot_timeout
        self._rest_seconds = rest_seconds
        self._client: smtplib.SMTP | None = None
        self._ahead: Envelope | None = None
        self._none_ahead_until = 0.0
        self._stage = Stage.CONNECT
        self._sent_count = 0
        self._connected_at = 0.0
        self._rest_until = 0.0
        self._reason_to_rest: Answer | None = None
        self.thought_for = timedelta(0)
        """Time that the server took for the last email, excluding connecting and unreachable hosts."""

    def send(
        self,
        sender: str,
        recipient: str,
        content: bytes,
        *,
        following: str | None = None,
        meanwhile: Callable[[], None] = lambda: None,
    ) -> Answer:
        """Send one email to one recipient. Never raises for failures of the server; the answer says how far it got.

        `following` is the recipient of the next email if known. Its envelope is sent ahead. `meanwhile` is called while
        the server decides and must not raise.
        """
        self.thought_for = timedelta(0)
        if _UNSAFE.search(recipient):
            return Answer(Stage.RECIPIENT, 553, "5.1.3 the address contains invalid characters")
        if self._reason_to_rest is not None and time.monotonic() < self._rest_until:
            return self._reason_to_rest
        mail = _Outgoing(Envelope(sender, recipient), content, following, meanwhile)
        ahead = self._ahead == mail.envelope
        kept = ahead or self._still_open()
        answer = self._attempt(mail)
        if ahead and _broke_before_the_dot(answer):
            self._none_ahead_until = time.monotonic() + NONE_AHEAD_SECONDS
            answer = self._attempt(mail)
        elif kept and _was_closed(answer):
            answer = self._attempt(mail)
        self._reason_to_rest = answer if answer.stage in BEFORE_MAIL else None
        self._rest_until = time.monotonic() + self._rest_seconds
        return answer

    def forget_following(self) -> None:
        """Cancel the envelope that was sent ahead. The only way is to close the connection."""
        if self._ahead is not None:
            self._drop()

    def close(self) -> None:
        """Say QUIT, if the server is still there, and close the connection."""
        self.forget_following()
        client = self._client
        if client is None:
            return
        try:
            if client.sock is not None:
                client.sock.settimeout(1)
                client.quit()
        except (OSError, smtplib.SMTPException):
            pass
        finally:
            self._drop()

    def _drop(self) -> None:
        client, self._client, self._ahead = self._client, None, None
        if client is not None:
            client.close()

    def _still_open(self) -> bool:
        self.forget_following()
        client = self._client
        if client is None or client.sock is None:
            return False
        if self._is_worn():
            self.close()
        elif select.select([client.sock], [], [], 0)[0]:
            self._drop()  # Servers only send something unasked before they close.
        return self._client is not None

    def _is_worn(self) -> bool:
        return (
            self._sent_count >= EMAILS_PER_CONNECTION or time.monotonic() - self._connected_at > SECONDS_PER_CONNECTION
        )

    def _attempt(self, mail: _Outgoing) -> Answer:
        began = None
        try:
            client = self._connected()
            began = time.monotonic()
            answer = self._converse(client, mail)
        except (smtplib.SMTPConnectError, smtplib.SMTPHeloError, smtplib.SMTPAuthenticationError) as error:
            answer = _answer(self._stage, error.smtp_code, error.smtp_error)
        except (OSError, smtplib.SMTPException) as error:
            answer = Answer(self._stage, None, _words(error))
            began = None if _vanished(error) else began
        self.thought_for = timedelta(seconds=time.monotonic() - began) if began is not None else timedelta(0)
        if answer.code in {None, 421} or answer.stage in BEFORE_MAIL:
            self._drop()
        return answer

    def _connected(self) -> smtplib.SMTP:
        if self._client is None:
            self._stage = Stage.CONNECT
            with self._patience() as seconds:
                self._client = connect(self._route, patience=seconds)
            self._prepare(self._client)
            self._connected_at, self._sent_count = time.monotonic(), 0
        return self._client

    def _prepare(self, client: smtplib.SMTP) -> None:
        """Greet the server, start TLS and sign in."""
        route = self._route
        # Otherwise an email's last packet may wait 40 ms for the acknowledgement of the one before.
        _socket(client).setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        keep_alive(_socket(client), _TCP)
        _socket(client).settimeout(self._command_timeout)
        self._stage = Stage.HELLO
        client.ehlo_or_helo_if_needed()
        offered = route.starttls != "off" and not route.implicit_tls and client.has_extn("starttls")
        if offered or route.tls_is_due:
            self._stage = Stage.TLS
            client.starttls(context=route.tls)
            self._stage = Stage.HELLO
            client.ehlo_or_helo_if_needed()
        if route.user is not None:
            self._stage = Stage.LOGIN
            client.login(route.user, route.password)

    def _converse(self, client: smtplib.SMTP, mail: _Outgoing) -> Answer:
        if not mail.envelope.fits(client):
            words = "5.6.7 the mail server offers no SMTPUTF8, which this address needs"
            return Answer(Stage.RECIPIENT, 553, words)
        refusal = self._open(client, mail.envelope)
        return refusal or self._hand_over(client, mail)

    def _open(self, client: smtplib.SMTP, envelope: Envelope) -> Answer | None:
        """Send MAIL, RCPT and DATA, together if the server supports it. Returns the first refusal."""
        pipelined, commands = client.has_extn("pipelining"), envelope.commands
        self._stage = Stage.SENDER
        if self._ahead is not None:
            # The server's reply may wait for our acknowledgement of the verdict before, which would cost 40 ms.
            _socket(client).setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
            self._ahead = None
        elif pipelined:
            client.send(b"".join(commands))
        for number, (stage, wanted) in enumerate(_STEPS):
            self._stage = stage
            if not pipelined:
                client.send(commands[number])
            code, text = client.getreply()
            if code // 100 != wanted:
                self._abandon(client, unread=len(_STEPS) - number - 1 if pipelined else 0)
                return _answer(stage, code, text)
        return None

    def _abandon(self, client: smtplib.SMTP, *, unread: int) -> None:
        """Reset the conversation after a refusal, or close the connection if the server doesn't cooperate."""
        try:
            for _ in range(unread):
                if client.getreply()[0] == 354:
                    client.send(b".\r\n")  # DATA was accepted anyway, so end it empty.
                    client.getreply()
            client.rset()
        except (OSError, smtplib.SMTPException):
            self._drop()

    def _hand_over(self, client: smtplib.SMTP, mail: _Outgoing) -> Answer:
        self._stage = Stage.CONTENT
        client.send(mail.content)  # The dot is its last line: an error here means that the dot was not sent.
        self._stage = Stage.VERDICT
        self._sent_count += 1
        if mail.following is not None:
            self._send_ahead(client, Envelope(mail.envelope.sender, mail.following))
        mail.meanwhile()
        _socket(client).settimeout(self._dot_timeout)
        code, text = client.getreply()
        _socket(client).settimeout(self._command_timeout)
        return _answer(Stage.VERDICT, code, text)

    def _send_ahead(self, client: smtplib.SMTP, envelope: Envelope) -> None:
        """Send the next email's envelope directly after this one's dot. Its replies are read later."""
        fits = client.has_extn("pipelining") and envelope.fits(client) and not _UNSAFE.search(envelope.recipient)
        may = hasattr(socket, "TCP_QUICKACK") and time.monotonic() >= self._none_ahead_until
        if fits and may and not self._is_worn():
            with suppress(OSError):  # The verdict on the current email may still arrive.
                _socket(client).sendall(b"".join(envelope.commands))
                self._ahead = envelope


def _socket(client: smtplib.SMTP) -> socket.socket:
    if client.sock is None:
        raise smtplib.SMTPServerDisconnected("the connection is closed")
    return client.sock


def _was_closed(answer: Answer) -> bool:
    """True if the server closed the kept connection just before it was used. Nothing was transmitted."""
    return answer.stage is Stage.SENDER and answer.code in {None, 421}


def _broke_before_the_dot(answer: Answer) -> bool:
    """True if the connection broke or was closed during the envelope. Nothing was transmitted."""
    return answer.code in {None, 421} and answer.stage in {stage for stage, _ in _STEPS}


def _answer(stage: Stage, code: int, text: bytes | str) -> Answer:
    reply = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    # A line that is no valid reply has the code -1. The connection is then unusable.
    return Answer(stage, code if code > 0 else None, _clean(reply))


def _clean(text: str) -> str:
    return _CONTROL.sub(" ", text).strip()[:512]


def _vanished(error: BaseException) -> bool:
    """True if the system reports an unreachable host. Our own timeouts have no error number."""
    cause = error.__context__ or error
    return isinstance(cause, OSError) and cause.errno in {errno.ETIMEDOUT, errno.EHOSTUNREACH}


def _words(error: Exception) -> str:
    return "no answer in time" if isinstance(error, TimeoutError) else _clean(str(error)) or type(error).__name__
