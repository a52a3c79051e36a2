"""Mail servers that greet late or never."""

import socket
import time
from contextlib import nullcontext
from pathlib import Path
from urllib.parse import urlsplit

from shared.mail.smtp_connection import CONNECT_SECONDS, GREETING_SECONDS
from shared.mail.smtp_route import Route, route_of
from shared.settings.settings import Settings
from tests.late_greeting import late_greeting
from tests.smtp_server import SmtpServer
from worker.mail.greeting_wait import patience
from worker.mail.outcome import Stage
from worker.mail.smtp import SmtpClient

SENDER, RECIPIENT = "usher@corp.example", "bob@corp.example"
MESSAGE = b"Subject: Welcome\r\n\r\nHello.\r\n.\r\n"


def port_of(smtp: SmtpServer) -> int:
    return urlsplit(smtp.url()).port or 0


def route(settings: Settings, port: int) -> Route:
    return route_of(settings.model_copy(update={"smtp_url": f"smtp://127.0.0.1:{port}?starttls=off"}))


def test_a_server_that_is_slow_to_greet_is_waited_for(settings: Settings, smtp: SmtpServer) -> None:
    with late_greeting(port_of(smtp), seconds=1.5) as port:
        mailer = SmtpClient(route(settings, port), patience=lambda: nullcontext(8.0))
        began = time.monotonic()
        assert mailer.send(SENDER, RECIPIENT, MESSAGE).code == 250
        # The server's time before its greeting says nothing about the recipient's domain.
        assert mailer.thought_for.total_seconds() <= time.monotonic() - began - 1.4
        mailer.close()


def test_a_server_that_never_greets_costs_no_more_than_the_patience(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        mailer = SmtpClient(route(settings, silent.getsockname()[1]), patience=lambda: nullcontext(0.5))
        began = time.monotonic()
        answer = mailer.send(SENDER, RECIPIENT, MESSAGE)
        assert time.monotonic() - began < 5
        assert (answer.stage, answer.code) == (Stage.CONNECT, None)
        assert "timed out" in answer.text
        mailer.close()


def test_only_one_process_of_a_machine_waits_long_for_a_greeting(tmp_path: Path) -> None:
    with patience(tmp_path) as first, patience(tmp_path) as second:
        assert (first, second) == (GREETING_SECONDS, CONNECT_SECONDS)
    with patience(tmp_path) as later, patience(tmp_path / "nowhere") as alone:
        assert (later, alone) == (GREETING_SECONDS, GREETING_SECONDS)
