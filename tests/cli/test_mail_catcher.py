import smtplib
from collections.abc import Iterator
from email import message_from_bytes
from email.message import EmailMessage
from pathlib import Path

import pytest
from processes import eventually

from shared.cli.embedded.home import locked_home
from shared.cli.embedded.process import running
from shared.cli.embedded.stack import Stack, free_port, prepare_stack

ELSEWHERE = {"USHER_DATABASE_URL": "postgresql://localhost/none", "USHER_BROKER_URL": "redis://localhost:9"}


@pytest.fixture
def mailbox(tmp_path: Path) -> Path:
    return tmp_path / "data" / "mailbox"


@pytest.fixture
def catcher(tmp_path: Path) -> Iterator[Stack]:
    with locked_home(tmp_path / "data") as home:
        foundation = prepare_stack(home, ELSEWHERE, public_url="http://localhost:8000")
        with running(foundation.servers["mail-catcher"], home.logs / "mail-catcher.log"):
            yield foundation


def test_an_email_is_kept_whole_with_its_envelope_addresses(catcher: Stack, mailbox: Path) -> None:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "alice@corp.example", "Bob <bob@corp.example>", "Grüße"
    mail.set_content("Come in.\n.\n.. and sit down.\n")
    port = int(catcher.environment["USHER_SMTP_URL"].split(":")[2].split("?")[0])
    with smtplib.SMTP("127.0.0.1", port) as smtp:
        smtp.send_message(mail, from_addr="bounce@corp.example", to_addrs=["bob@corp.example"])
    (kept,) = mailbox.glob("*.eml")
    found = message_from_bytes(kept.read_bytes())
    assert found["Return-Path"] == "<bounce@corp.example>"
    assert found["Delivered-To"] == "bob@corp.example"
    assert kept.read_bytes().replace(b"\r\n", b"\n").endswith(mail.as_bytes())


def test_only_what_no_one_has_named_is_started(catcher: Stack) -> None:
    assert set(catcher.servers) == {"mail-catcher"}
    assert catcher.environment["USHER_BROKER_URL"] == "redis://localhost:9"


def test_a_port_is_free_again_once_no_one_listens() -> None:
    port = free_port("127.0.0.1")
    eventually(lambda: free_port("127.0.0.1", port) == port)
