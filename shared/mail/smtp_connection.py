"""Connects to the mail server with the patience that SMTP asks for: a minute for the greeting."""

import smtplib
import socket
from typing import Any

from shared.mail.smtp_route import Route

CONNECT_SECONDS = 10.0
"""How long a connection may take to come about, for each address of the host."""

GREETING_SECONDS = 60.0
"""How long the server may take to greet and to agree on TLS; RFC 5321, 4.5.3.2.1, would allow it five minutes."""

COMMAND_SECONDS = 30.0
"""How long the server may take to answer a command."""


class _Plain(smtplib.SMTP):
    """Waits for the greeting for as long as its timeout says, and for the connection no longer than for any."""

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        opened: socket.socket = super()._get_socket(host, port, min(timeout, CONNECT_SECONDS))  # type: ignore[misc]
        opened.settimeout(timeout)
        return opened


class _OverTls(smtplib.SMTP_SSL, _Plain):
    """The same, secured from the first byte on."""


def connect(route: Route, *, patience: float = GREETING_SECONDS) -> smtplib.SMTP:
    """A connection whose server has greeted within `patience` seconds; raises `OSError` or `SMTPException`.

    From then on each answer has `COMMAND_SECONDS`.
    """
    given: dict[str, Any] = {"timeout": patience}
    if route.implicit_tls:
        client: smtplib.SMTP = _OverTls(route.host, route.port, route.greet_as, context=route.tls, **given)
    else:
        client = _Plain(route.host, route.port, route.greet_as, **given)
    if client.sock is not None:
        client.sock.settimeout(COMMAND_SECONDS)
    return client
