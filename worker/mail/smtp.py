"""Carries mails to the mail server over one connection, and says exactly how far each one came.

The connection is kept for up to 100 mails or a minute, renewed when the server has closed it, and reset after a
refusal. MAIL, RCPT and DATA of one mail travel in one packet where the server allows it (RFC 2920): a mail then costs
two round trips instead of four. The timeouts follow RFC 5321, 4.5.3.2, as far as a lease's patience goes; the one for
the final dot is the longest, because giving up there means a second copy.
"""

import re
import select
import smtplib
import socket
import time

from shared.smtp_route import Route
from worker.mail.outcome import BEFORE_MAIL, Answer, Stage

CONNECT_TIMEOUT = 10.0
COMMAND_TIMEOUT = 30.0
DOT_TIMEOUT = 120.0

MAILS_PER_CONNECTION = 100
SECONDS_PER_CONNECTION = 60.0

REST_SECONDS = 3.0
"""How long a server that couldn't be reached is left alone; until then its mails get the same answer at once."""

_UNSAFE = re.compile(r"[\x00-\x20\x7f<>]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")


class Mailer:
    """One connection to the mail server, made when it is first needed."""

    def __init__(self, route: Route, *, dot_timeout: float = DOT_TIMEOUT, rest_seconds: float = REST_SECONDS) -> None:
        self._route = route
        self._dot_timeout = dot_timeout
        self._rest_seconds = rest_seconds
        self._client: smtplib.SMTP | None = None
        self._stage = Stage.CONNECT
        self._carried = 0
        self._connected_at = 0.0
        self._rest_until = 0.0
        self._reason_to_rest: Answer | None = None

    def send(self, sender: str, recipient: str, content: bytes) -> Answer:
        """Hand one mail over to one recipient; whatever happens, the answer says how far it came."""
        if _UNSAFE.search(recipient):
            return Answer(Stage.RECIPIENT, 553, "5.1.3 the address has signs in it that no address may have")
        if self._reason_to_rest is not None and time.monotonic() < self._rest_until:
            return self._reason_to_rest
        kept = self._still_open()
        answer = self._try(sender, recipient, content)
        if kept and answer.stage is Stage.SENDER and answer.code in {None, 421}:
            # The server closed the kept connection just before it was used; nothing was handed over.
            answer = self._try(sender, recipient, content)
        self._reason_to_rest = answer if answer.stage in BEFORE_MAIL else None
        self._rest_until = time.monotonic() + self._rest_seconds
        return answer

    def close(self) -> None:
        """Take leave of the server, if it is still there."""
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
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def _still_open(self) -> bool:
        client = self._client
        if client is None or client.sock is None:
            return False
        if self._carried >= MAILS_PER_CONNECTION or time.monotonic() - self._connected_at > SECONDS_PER_CONNECTION:
            self.close()
        elif select.select([client.sock], [], [], 0)[0]:
            self._drop()  # It said something unasked: only ever goodbye.
        return self._client is not None

    def _try(self, sender: str, recipient: str, content: bytes) -> Answer:
        try:
            answer = self._converse(self._connected(), sender, recipient, content)
        except (smtplib.SMTPConnectError, smtplib.SMTPHeloError, smtplib.SMTPAuthenticationError) as error:
            answer = _answer(self._stage, error.smtp_code, error.smtp_error)
        except (OSError, smtplib.SMTPException) as error:
            answer = Answer(self._stage, None, _words(error))
        if answer.code in {None, 421} or answer.stage in BEFORE_MAIL:
            self._drop()
        return answer

    def _connected(self) -> smtplib.SMTP:
        if self._client is None:
            self._stage = Stage.CONNECT
            self._client = self._dial()
            self._prepare(self._client)
            self._carried, self._connected_at = 0, time.monotonic()
        return self._client

    def _dial(self) -> smtplib.SMTP:
        way = self._route
        if way.implicit_tls:
            return smtplib.SMTP_SSL(way.host, way.port, way.greet_as, timeout=CONNECT_TIMEOUT, context=way.tls)
        return smtplib.SMTP(way.host, way.port, way.greet_as, timeout=CONNECT_TIMEOUT)

    def _prepare(self, client: smtplib.SMTP) -> None:
        """Greet, secure the connection, sign in."""
        route = self._route
        # Without this, a mail's last packet may wait 40 ms for the receipt of the one before.
        _socket(client).setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        _socket(client).settimeout(COMMAND_TIMEOUT)
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

    def _converse(self, client: smtplib.SMTP, sender: str, recipient: str, content: bytes) -> Answer:
        options = "" if recipient.isascii() else " SMTPUTF8 BODY=8BITMIME"
        if options and not client.has_extn("smtputf8"):
            words = "5.6.7 the mail server offers no SMTPUTF8, which this address needs"
            return Answer(Stage.RECIPIENT, 553, words)
        refusal = self._open_envelope(client, f"MAIL FROM:<{sender}>{options}\r\n", f"RCPT TO:<{recipient}>\r\n")
        return refusal or self._hand_over(client, content)

    def _open_envelope(self, client: smtplib.SMTP, mail: str, rcpt: str) -> Answer | None:
        """Say MAIL, RCPT and DATA, at once where the server allows it; returns the first refusal."""
        steps = ((Stage.SENDER, mail, 2), (Stage.RECIPIENT, rcpt, 2), (Stage.CONTENT, "DATA\r\n", 3))
        pipelined = client.has_extn("pipelining")
        self._stage = Stage.SENDER
        if pipelined:
            client.send(f"{mail}{rcpt}DATA\r\n".encode())
        for number, (stage, command, wanted) in enumerate(steps, start=1):
            self._stage = stage
            if not pipelined:
                client.send(command.encode())
            code, text = client.getreply()
            if code // 100 != wanted:
                self._abandon(client, unread=len(steps) - number if pipelined else 0)
                return _answer(stage, code, text)
        return None

    def _abandon(self, client: smtplib.SMTP, *, unread: int) -> None:
        """Bring the conversation back to its beginning after a refusal, or leave a server that won't come along."""
        try:
            for _ in range(unread):
                if client.getreply()[0] == 354:
                    client.send(b".\r\n")  # DATA was let through all the same: end it empty.
                    client.getreply()
            client.rset()
        except (OSError, smtplib.SMTPException):
            self._drop()

    def _hand_over(self, client: smtplib.SMTP, content: bytes) -> Answer:
        self._stage = Stage.CONTENT
        client.send(content)  # The dot is its last line: an error here means that the dot was not sent.
        self._stage = Stage.VERDICT
        _socket(client).settimeout(self._dot_timeout)
        code, text = client.getreply()
        _socket(client).settimeout(COMMAND_TIMEOUT)
        self._carried += 1
        return _answer(Stage.VERDICT, code, text)


def _socket(client: smtplib.SMTP) -> socket.socket:
    if client.sock is None:
        raise smtplib.SMTPServerDisconnected("the connection is closed")
    return client.sock


def _answer(stage: Stage, code: int, text: bytes | str) -> Answer:
    said = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    # A line that is no reply at all has the code -1: the connection is then worth nothing.
    return Answer(stage, code if code > 0 else None, _clean(said))


def _clean(text: str) -> str:
    return _CONTROL.sub(" ", text).strip()[:512]


def _words(error: Exception) -> str:
    return "no answer in time" if isinstance(error, TimeoutError) else _clean(str(error)) or type(error).__name__
