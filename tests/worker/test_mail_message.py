"""The bytes of an email, and the text that people read."""

import re
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import Message
from html import unescape

import pytest

from shared.jobs.kinds import MAIL_KINDS
from shared.mail.messages import Link, OutgoingMail
from shared.models import Job, JobKind
from shared.permissions import Role, in_words
from shared.templating import harmless, moment, name
from shared.tokens import Purpose, derive, sha256
from worker.mail.message import Content, Sender, build
from worker.mail.rendering import KeyGone, Renderer

KEY = "a-secret-key-of-the-tests-and-of-nothing-else"
WHEN = datetime(2026, 12, 1, 10, 0, tzinfo=UTC)
SENDER = Sender.of("Usher <invitations@usher.example>")


class FewSettings:
    """The few settings that the renderer reads."""

    mail_from = "Usher <invitations@usher.example>"
    public_url = "https://usher.example"
    secret_keys = (KEY,)


@pytest.fixture(scope="module")
def writer() -> Renderer:
    return Renderer(FewSettings())  # type: ignore[arg-type]


def outgoing(kind: JobKind = JobKind.INVITATION_MAIL, *, key: str = KEY, **words: object) -> OutgoingMail:
    purpose = {
        JobKind.INVITATION_MAIL: Purpose.INVITATION,
        JobKind.VERIFICATION_MAIL: Purpose.VERIFICATION,
        JobKind.PASSWORD_RESET_MAIL: Purpose.PASSWORD_RESET,
    }.get(kind)
    fields = {
        "account": "Acme",
        "inviter": "Alice Chen",
        "inviter_email": "alice@acme.example",
        "role": "developer",
        "rights": in_words(Role.DEVELOPER),
        "message": None,
        "expires_at": WHEN,
        "name": "Bob",
        "email": "bob@corp.example",
        "invitee": "bob@corp.example",
        "account_id": "acc_1",
        "status": "expired",
        "api_keys": 0,
    } | words
    return OutgoingMail(
        job=Job(id="job_1", kind=kind, subject_id="inv_1", generation=2, created_at=WHEN),
        recipient="bob@corp.example",
        recipient_key="bob@corp.example",
        message_id="inv_1.2",
        words=fields,
        link=Link(purpose, "inv_1", 2, sha256(derive(key, purpose, "inv_1", 2))) if purpose else None,
        age=timedelta(0),
        left=None,
        waited=timedelta(0),
    )


def read(raw: bytes) -> Message:
    """The email as a receiver gets it: without the final dot, and with dots unstuffed."""
    assert raw.endswith(b"\r\n.\r\n")
    return message_from_bytes(raw.removesuffix(b".\r\n").replace(b"\r\n..", b"\r\n."))


def bodies(raw: bytes) -> dict[str, str]:
    parts = [part for part in read(raw).walk() if not part.is_multipart()]
    return {part.get_content_type(): part.get_payload(decode=True).decode() for part in parts}  # type: ignore[union-attr]


def words_of(body: str) -> set[str]:
    return set(re.findall(r"[\w']+", unescape(re.sub(r"<[^>]+>", " ", body))))


def test_an_invitation_says_who_what_until_when_and_what_to_do(writer: Renderer) -> None:
    raw = writer.render_message(outgoing(message="Join us!"))
    mail = read(raw)
    assert mail["Subject"] == "Alice Chen invites you to Acme"
    assert mail["Message-ID"] == "<inv_1.2@usher.example>"
    assert mail["Auto-Submitted"] == "auto-generated"
    link = f"https://usher.example/i/{derive(KEY, Purpose.INVITATION, 'inv_1', 2)}"
    for body in bodies(raw).values():
        for words in ("alice@acme.example", "Acme", "developer", "view activity logs", "Join us!", link, moment(WHEN)):
            assert words in body
        assert "know Alice Chen?" in body


@pytest.mark.parametrize("kind", sorted(MAIL_KINDS))
def test_each_email_has_a_subject_a_text_and_the_same_words_in_html(writer: Renderer, kind: JobKind) -> None:
    raw = writer.render_message(outgoing(kind))
    mail = read(raw)
    assert mail["Subject"]
    assert [part.get_content_type() for part in mail.walk()] == ["multipart/alternative", "text/plain", "text/html"]
    assert {part["Content-Transfer-Encoding"] for part in mail.walk() if not part.is_multipart()} == {
        "quoted-printable"
    }
    missing = words_of(bodies(raw)["text/plain"]) - words_of(bodies(raw)["text/html"])
    assert not missing


@pytest.mark.parametrize("kind", sorted(MAIL_KINDS))
def test_a_retry_is_the_same_to_the_byte(writer: Renderer, kind: JobKind) -> None:
    assert writer.render_message(outgoing(kind)) == Renderer(FewSettings()).render_message(outgoing(kind))  # type: ignore[arg-type]


def test_no_line_is_longer_than_a_mail_server_must_take(writer: Renderer) -> None:
    raw = writer.render_message(outgoing(message="x" * 3000, account="Ä" * 500, inviter="🎉" * 300))
    assert max(len(line) for line in raw.split(b"\r\n")) <= 998
    assert b"\n" not in raw.replace(b"\r\n", b"")


def test_lines_that_begin_with_a_dot_arrive_as_they_were_written(writer: Renderer) -> None:
    raw = writer.render_message(outgoing(message=".\n.hidden\n..\nend"))
    assert raw.count(b"\r\n.\r\n") == 1
    assert "> .\r\n> .hidden\r\n> ..\r\n> end" in bodies(raw)["text/plain"]
    assert ".\r\n.hidden\r\n..\r\nend" in bodies(raw)["text/html"]


@pytest.mark.parametrize(
    "hostile",
    [
        "Acme\r\nBcc: everybody@corp.example",
        "Acme\nX-Header: 1\n\n<script>",
        "Acme\u2028Bcc: x@corp.example",
        "Ä\r\nBcc: everybody@corp.example",
        "Acme\x00\x1b[31m",
    ],
)
def test_a_name_never_makes_a_header(writer: Renderer, hostile: str) -> None:
    raw = writer.render_message(outgoing(account=hostile, inviter=hostile))
    mail = read(raw)
    assert mail["Bcc"] is None
    assert mail["X-Header"] is None
    assert [part.get_content_type() for part in mail.walk()] == ["multipart/alternative", "text/plain", "text/html"]


def test_a_name_never_makes_markup(writer: Renderer) -> None:
    html = bodies(writer.render_message(outgoing(account="<b>x</b>", inviter='"><script>', message="<img src=x>")))[
        "text/html"
    ]
    assert "<b>x" not in html
    assert "<script" not in html
    assert "<img" not in html


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("evil.com", "evil. com"),
        ("www.evil.com/win", "www. evil. com/win"),
        ("https://evil.com", "https: //evil. com"),
        ("http://127.0.0.1/x", "http: //127.0.0.1/x"),
        ("pay@evil.com", "pay@ evil. com"),
        ("evil。com", "evil。 com"),
        ("Acme Inc.", "Acme Inc."),
        ("J.R. Smith", "J. R. Smith"),
        ("Version 3.5", "Version 3.5"),
        ("O'Brien & Söhne", "O'Brien & Söhne"),
        ("山田太郎", "山田太郎"),
        ("moc.live\u202eevil", "moc. liveevil"),
        ("ev\u200bil.com", "evil. com"),
    ],
)
def test_nothing_that_a_mail_client_would_link_stays_in_what_people_wrote(written: str, shown: str) -> None:
    assert harmless(written) == shown


def test_a_name_is_one_line_of_bounded_length() -> None:
    assert name("Acme\r\n\t Inc") == "Acme Inc"
    assert len(name("x" * 500)) == 80


def test_names_beyond_ascii_travel_encoded_and_arrive_whole(writer: Renderer) -> None:
    mail = read(writer.render_message(outgoing(account="Søren & Söhne 株式会社", inviter="Zoë 🎉")))
    assert str(make_header(decode_header(mail["Subject"]))) == "Zoë 🎉 invites you to Søren & Söhne 株式会社"


def test_the_sender_is_quoted_and_its_domain_encoded() -> None:
    assert Sender.of('Acme "the, best" <a@bücher.example>').header == '"Acme the, best" <a@xn--bcher-kva.example>'
    assert Sender.of("Acme <a@Straße.example>").address == "a@xn--strae-oqa.example"
    assert Sender.of("a@acme.example").header == "<a@acme.example>"
    assert Sender.of("Größe <a@acme.example>").header == "=?utf-8?b?R3LDtsOfZQ==?= <a@acme.example>"


def test_a_link_whose_key_is_gone_raises_a_named_error(writer: Renderer) -> None:
    with pytest.raises(KeyGone, match="USHER_SECRET_KEYS"):
        writer.render_message(outgoing(key="another-key-that-the-settings-no-longer-hold"))


def test_an_email_is_dated_when_it_was_enqueued() -> None:
    raw = build(SENDER, recipient="b@c.example", content=Content("s", "t", "h"), message_id="x", date=WHEN)
    assert read(raw)["Date"] == "Tue, 01 Dec 2026 10:00:00 +0000"
