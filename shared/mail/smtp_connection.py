"""Connects to the mail server with the long timeouts that SMTP recommends."""

import smtplib
import socket
from typing import Any

from shared.mail.smtp_route import Route

CONNECT_SECONDS = 10.0
"""Seconds to open a connection, for each address of the host."""

GREETING_SECONDS = 60.0
"""Seconds for the greeting and the TLS handshake. RFC 5321, section 4.5.3.2.1, allows five minutes."""

COMMAND_SECONDS = 30.0
"""Seconds for each reply to a command."""


class _Plain(smtplib.SMTP):
    """SMTP client with a shorter timeout for the connection than for the greeting."""

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        opened: socket.socket = super()._get_socket(host, port, min(timeout, CONNECT_SECONDS))  # type: ignore[misc]
        opened.settimeout(timeout)
        return opened


class _OverTls(smtplib.SMTP_SSL, _Plain):
    """SMTP client with TLS from the first byte."""


def connect(route: Route, *, patience: float = GREETING_SECONDS) -> smtplib.SMTP:
    """Connect to the mail server and read its greeting within `patience` seconds.

    Later replies have `COMMAND_SECONDS` each. Raises `OSError` or `SMTPException`.
    """
    given: dict[str, Any] = {"timeout": patience}
    if route.implicit_tls:
        client: smtplib.SMTP = _OverTls(route.host, route.port, route.greet_as, context=route.tls, **given)
    else:
        client = _Plain(route.host, route.port, route.greet_as, **given)
    if client.sock is not None:
        client.sock.settimeout(COMMAND_SECONDS)
    return client
