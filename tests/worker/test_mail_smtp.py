"""The conversation with a real SMTP server: how far an email got, and the state of the connection afterwards."""

import socket
import socketserver
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme

from shared.mail.smtp_route import Route, route_of
from shared.settings.loading import BadSettings
from shared.settings.settings import Settings
from tests.smtp_server import DROP, SILENCE, USUAL, SmtpServer
from tests.worker.test_broker import eventually
from worker.mail import smtp
from worker.mail.message import Content, Sender, build
from worker.mail.outcome import Answer, Stage
from worker.mail.smtp import SmtpClient

SENDER = Sender.of("usher@corp.example")
BOB, CAROL = "bob@corp.example", "carol@corp.example"


def way(smtp_url: str) -> Route:
    return route_of(
        Settings(
            database_url="postgresql://no_one/nothing",
            broker_url="redis://nobody",
            smtp_url=smtp_url,
            mail_from="usher@corp.example",
            public_url="https://usher.example",
            secret_keys=("k" * 32,),
        )
    )


@contextmanager
def mailer_to(smtp_url: str, **patience: float) -> Iterator[SmtpClient]:
    mailer = SmtpClient(way(smtp_url), **patience)
    try:
        yield mailer
    finally:
        mailer.close()


def mail_of(message_id: str = "1", text: str = "Hello") -> bytes:
    content = Content("Hello", text, f"<p>{text}</p>")
    date = datetime(2026, 12, 1, tzinfo=UTC)
    return build(SENDER, recipient=BOB, content=content, message_id=message_id, date=date)


def send(mailer: SmtpClient, message_id: str = "1", *, to: str = BOB, following: str | None = None) -> Answer:
    return mailer.send(SENDER.address, to, mail_of(message_id), following=following)


@pytest.fixture(params=[True, False], ids=["pipelined", "step by step"])
def server(request: pytest.FixtureRequest) -> Iterator[SmtpServer]:
    with SmtpServer(pipelining=request.param) as server:
        yield server


@pytest.fixture
def pipelining() -> Iterator[SmtpServer]:
    with SmtpServer(pipelining=True) as server:
        yield server


@contextmanager
def closing_server() -> Iterator[tuple[str, list[bytes]]]:
    """A server that accepts one email and disconnects at once. Yields the bytes of the accepted emails."""
    taken: list[bytes] = []

    class Conversation(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"220 brief ESMTP\r\n")
            while line := self.rfile.readline():
                if line.startswith(b"EHLO"):
                    self.wfile.write(b"250-brief\r\n250 PIPELINING\r\n")
                elif line.startswith(b"DATA"):
                    self.wfile.write(b"354 go on\r\n")
                    taken.append(b"".join(iter(self.rfile.readline, b".\r\n")))
                    self.wfile.write(b"250 2.0.0 taken\r\n")
                    return
                else:
                    self.wfile.write(b"250 2.1.0 ok\r\n")

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Conversation) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"smtp://127.0.0.1:{server.server_address[1]}", taken
        finally:
            server.shutdown()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, Path]:
    ca = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ca.issue_cert("127.0.0.1", "localhost").configure_cert(context)
    path = tmp_path_factory.mktemp("tls") / "ca.pem"
    ca.cert_pem.write_to_path(path)
    return context, path


def test_an_email_arrives_as_it_was_built(server: SmtpServer) -> None:
    with mailer_to(server.url()) as mailer:
        answer = mailer.send(SENDER.address, BOB, mail_of(text=".\n.a\nb"))
    assert answer == Answer(Stage.VERDICT, 250, "2.0.0 taken")
    (mail,) = server.emails
    assert (mail.sender, mail.recipient) == (SENDER.address, BOB)
    assert mail.body("plain") == ".\r\n.a\r\nb"


def test_many_emails_share_a_connection_and_a_worn_one_is_replaced(server: SmtpServer) -> None:
    with mailer_to(server.url()) as mailer:
        for number in range(smtp.EMAILS_PER_CONNECTION + 1):
            assert send(mailer, str(number)).code == 250
    assert [mail.connection for mail in server.emails] == [1] * smtp.EMAILS_PER_CONNECTION + [2]


def test_one_packet_carries_the_envelope_where_the_server_allows_it() -> None:
    with SmtpServer(pipelining=True) as server, mailer_to(server.url()) as mailer:
        send(mailer)
    (packet,) = [packet for packet in server.packets if packet.startswith(b"MAIL")]
    assert packet.endswith(b"DATA\r\n")


def test_the_next_envelope_travels_behind_the_email_in_hand(pipelining: SmtpServer) -> None:
    with mailer_to(pipelining.url()) as mailer:
        send(mailer, "1", following=CAROL)
        eventually(lambda: pipelining.commands.count("RCPT") == 2)
        send(mailer, "2", to=CAROL)
    assert [(mail.recipient, mail.connection) for mail in pipelining.emails] == [(BOB, 1), (CAROL, 1)]


def test_to_a_server_that_takes_one_command_after_the_other_nothing_is_sent_ahead() -> None:
    with SmtpServer(pipelining=False) as server, mailer_to(server.url()) as mailer:
        send(mailer, "1", following=CAROL)
        send(mailer, "2", to=CAROL)
    assert [(mail.recipient, mail.connection) for mail in server.emails] == [(BOB, 1), (CAROL, 1)]


def test_an_email_that_does_not_come_leaves_nothing_behind(pipelining: SmtpServer) -> None:
    with mailer_to(pipelining.url()) as mailer:
        send(mailer, "1", following=CAROL)
        mailer.forget_following()
        send(mailer, "2", following=CAROL)
        send(mailer, "3", to="dave@corp.example", following=CAROL)
    assert [mail.recipient for mail in pipelining.emails] == [BOB, BOB, "dave@corp.example"]


@pytest.mark.parametrize(
    ("step", "stage"), [("MAIL", Stage.SENDER), ("RCPT", Stage.RECIPIENT), ("DATA", Stage.CONTENT)]
)
def test_what_the_server_says_to_an_envelope_sent_ahead_is_about_its_own_mail(
    pipelining: SmtpServer, step: str, stage: Stage
) -> None:
    pipelining.say(step, USUAL)
    pipelining.say(step, "550 5.1.1 no such user")
    with mailer_to(pipelining.url()) as mailer:
        answers = [send(mailer, str(number), following=BOB) for number in (1, 2, 3)]
    assert [(answer.stage, answer.code) for answer in answers] == [
        (Stage.VERDICT, 250),
        (stage, 550),
        (Stage.VERDICT, 250),
    ]
    assert len(pipelining.emails) == 2


@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize("reply", [DROP, SILENCE, "421 4.3.2 going down"])
def test_an_email_whose_envelope_met_a_server_that_leaves_is_sent_again(
    pipelining: SmtpServer, step: str, reply: str
) -> None:
    pipelining.say(step, USUAL)
    pipelining.say(step, reply)
    with mailer_to(pipelining.url(), command_timeout=0.5) as mailer:
        answers = [send(mailer, str(number), following=BOB) for number in (1, 2, 3, 4)]
        assert {(answer.stage, answer.code) for answer in answers} == {(Stage.VERDICT, 250)}
        # Such a server gets no further commands.
        assert pipelining.commands.count("MAIL") == 5
    assert [mail.message_id for mail in pipelining.emails] == [f"<{number}@corp.example>" for number in (1, 2, 3, 4)]


def test_a_server_that_closes_after_each_email_gets_none_twice() -> None:
    """An envelope sent ahead then meets a closed socket, and its reset must not lose the reply that came before it."""
    with closing_server() as (url, taken):
        for number in range(0, 40, 2):
            with mailer_to(url) as mailer:
                assert send(mailer, str(number), following=BOB).code == 250
                assert send(mailer, str(number + 1)).code == 250
    assert len(taken) == 40
    assert len(set(taken)) == 40


@pytest.mark.parametrize(
    ("step", "stage"),
    [
        ("GREETING", Stage.CONNECT),
        ("MAIL", Stage.SENDER),
        ("RCPT", Stage.RECIPIENT),
        ("DATA", Stage.CONTENT),
        ("DOT", Stage.VERDICT),
    ],
)
@pytest.mark.parametrize("reply", ["451 4.3.0 not now", "554 5.0.0 never", DROP])
def test_the_stage_at_which_an_email_failed_is_reported(
    server: SmtpServer, step: str, stage: Stage, reply: str
) -> None:
    server.say(step, reply)
    with mailer_to(server.url()) as mailer:
        answer = send(mailer)
    code = None if reply == DROP else int(reply[:3])
    assert (answer.stage, answer.code) == (stage, code)


def test_a_server_that_breaks_off_after_the_dot_may_have_accepted_the_email(server: SmtpServer) -> None:
    server.say("DOT", DROP)
    with mailer_to(server.url()) as mailer:
        assert send(mailer, "same").stage is Stage.VERDICT
        assert send(mailer, "same").code == 250
    assert [mail.message_id for mail in server.emails] == ["<same@corp.example>"] * 2


def test_a_server_that_says_nothing_after_the_dot_is_waited_for_only_so_long(server: SmtpServer) -> None:
    server.say("DOT", SILENCE)
    with mailer_to(server.url(), dot_timeout=0.2) as mailer:
        answer = send(mailer)
    assert (answer.stage, answer.code) == (Stage.VERDICT, None)


def test_a_bad_recipient_does_not_affect_the_next_email(server: SmtpServer) -> None:
    server.say("RCPT", "550 5.1.1 user unknown")
    with mailer_to(server.url()) as mailer:
        assert send(mailer, "1").enhanced == "5.1.1"
        assert send(mailer, "2").code == 250
    assert [mail.message_id for mail in server.emails] == ["<2@corp.example>"]
    assert server.connections == 1
    assert "RSET" in server.commands


def test_a_server_that_accepts_data_after_a_refusal_gets_no_email_from_it() -> None:
    with SmtpServer(pipelining=True) as server, mailer_to(server.url()) as mailer:
        server.say("RCPT", "550 5.1.1 user unknown")
        server.say("DATA", "354 go on all the same")
        assert send(mailer, "1").code == 550
        assert send(mailer, "2").code == 250
        assert [mail.message_id for mail in server.emails] == ["<2@corp.example>"]


def test_a_connection_that_the_server_has_closed_is_made_again_unnoticed(server: SmtpServer) -> None:
    with mailer_to(server.url()) as mailer:
        assert send(mailer, "1").code == 250
        server.say("MAIL", "421 4.4.2 you were idle")
        assert send(mailer, "2").code == 250
        server.say("MAIL", DROP)
        assert send(mailer, "3").code == 250
    assert server.connections == 3
    assert len(server.emails) == 3


def test_a_server_that_is_away_is_left_alone_for_a_moment() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"smtp://127.0.0.1:{taken.getsockname()[1]}"
        with mailer_to(url) as mailer:
            first, second = send(mailer, "1"), send(mailer, "2")
    assert first.stage is Stage.CONNECT
    assert "refused" in first.text
    assert second is first


def test_it_is_asked_again_after_that_moment(server: SmtpServer) -> None:
    server.say("GREETING", "421 4.3.2 too busy")
    with mailer_to(server.url(), rest_seconds=0) as mailer:
        assert send(mailer).code == 421
        assert send(mailer).code == 250


def test_an_address_that_would_break_the_envelope_is_never_sent(server: SmtpServer) -> None:
    with mailer_to(server.url()) as mailer:
        for address in ("a@b>\r\nRCPT TO:<c@d", "a b@c.example", "a@b\x00.example"):
            assert send(mailer, to=address).enhanced == "5.1.3"
    assert not server.commands


def test_an_address_beyond_ascii_needs_a_server_that_can_carry_it() -> None:
    with SmtpServer() as able, mailer_to(able.url()) as mailer:
        assert send(mailer, to="søren@corp.example").code == 250
        assert able.emails[0].recipient == "søren@corp.example"
    with SmtpServer(smtputf8=False) as unable, mailer_to(unable.url()) as mailer:
        assert send(mailer, to="søren@corp.example").enhanced == "5.6.7"
        assert send(mailer).code == 250


def test_starttls_is_used_where_it_is_offered(authority: tuple[ssl.SSLContext, Path]) -> None:
    context, ca = authority
    with SmtpServer(starttls=context) as server:
        for option in ("auto", "require"):
            with mailer_to(server.url(f"?starttls={option}&ca={ca}")) as mailer:
                assert send(mailer).code == 250
        assert server.commands.count("STARTTLS") == 2


def test_starttls_can_be_turned_off(authority: tuple[ssl.SSLContext, Path]) -> None:
    with SmtpServer(starttls=authority[0]) as server, mailer_to(server.url("?starttls=off")) as mailer:
        assert send(mailer).code == 250
        assert "STARTTLS" not in server.commands


def test_a_server_without_the_required_starttls_gets_no_email(server: SmtpServer) -> None:
    with mailer_to(server.url("?starttls=require")) as mailer:
        answer = send(mailer)
    assert (answer.stage, answer.code) == (Stage.TLS, None)
    assert not server.emails


def test_smtps_is_secure_from_the_first_byte(authority: tuple[ssl.SSLContext, Path]) -> None:
    context, ca = authority
    with SmtpServer(implicit_tls=context) as server:
        with mailer_to(server.url(f"?ca={ca}", scheme="smtps")) as mailer:
            assert send(mailer, "1").code == 250
            assert send(mailer, "2").code == 250
        assert server.connections == 1


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
def test_a_certificate_of_an_unknown_authority_is_refused(authority: tuple[ssl.SSLContext, Path], scheme: str) -> None:
    tls = {"implicit_tls": authority[0]} if scheme == "smtps" else {"starttls": authority[0]}
    with SmtpServer(**tls) as server, mailer_to(server.url(scheme=scheme)) as mailer:
        answer = send(mailer)
        assert answer.stage in {Stage.TLS, Stage.CONNECT}
        assert "CERTIFICATE_VERIFY_FAILED" in answer.text
        assert not server.emails


def test_credentials_sign_in_and_wrong_ones_are_reported(authority: tuple[ssl.SSLContext, Path]) -> None:
    context, ca = authority
    with SmtpServer(starttls=context, login=("usher", "p@ss/word")) as server:
        with mailer_to(server.url(f"?ca={ca}", credentials="usher:p%40ss%2Fword@")) as mailer:
            assert send(mailer).code == 250
        with mailer_to(server.url(f"?ca={ca}", credentials="usher:wrong@")) as mailer:
            answer = send(mailer)
            assert (answer.stage, answer.code) == (Stage.LOGIN, 535)


def test_a_password_never_crosses_a_network_in_the_clear() -> None:
    assert way("smtp://usher:secret@mail.corp.example").tls_is_due
    assert not way("smtp://usher:secret@localhost").tls_is_due
    assert not way("smtp://mail.corp.example").tls_is_due


@pytest.mark.parametrize("url", ["smtp://h?starttls=maybe", "smtp://h?tls=1", "smtp:///x", "smtp://h?ca=/nowhere.pem"])
def test_an_address_that_can_t_be_followed_stops_the_start(url: str) -> None:
    with pytest.raises(BadSettings, match="USHER_SMTP_URL"):
        way(url)


def test_the_goodbye_waits_for_no_one(server: SmtpServer) -> None:
    mailer = SmtpClient(way(server.url()))
    send(mailer)
    server.say("RSET", SILENCE)
    began = time.monotonic()
    mailer.close()
    assert time.monotonic() - began < 2
