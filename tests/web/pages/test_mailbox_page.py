"""The caught emails, as an email program shows them."""

import os
from email.message import EmailMessage
from pathlib import Path

import pytest

from tests.web.conftest import let_go
from tests.web.pages.conftest import Window
from web.app import create_app
from web.caught_mail import MAX_SHOWN


@pytest.fixture
def mailbox(tmp_path: Path) -> Path:
    folder = tmp_path / "mailbox"
    folder.mkdir()
    (tmp_path / "secret.eml").write_text("Subject: not to be read\r\n\r\n")
    return folder


@pytest.fixture
def http(settings, mailbox):
    app = create_app(settings.model_copy(update={"mailbox_dir": mailbox}))
    yield app.test_client()
    let_go(app)


def put(folder: Path, name: str, **more: str) -> None:
    mail = EmailMessage()
    mail["From"], mail["To"] = "Usher <usher@corp.example>", "bob@corp.example"
    mail["Subject"] = more.get("subject", "Alice invites you to Acme")
    mail.set_content("Open http://localhost:8000/i/" + "x" * 43 + " please")
    mail.add_alternative('<p style="color:red">Hello</p><script>alert(1)</script>', subtype="html")
    (folder / f"{name}.eml").write_bytes(mail.as_bytes())


def test_emails_are_listed_the_newest_first(http, mailbox):
    put(mailbox, "mail_1", subject="The first")
    put(mailbox, "mail_2", subject="Grüße <b>")
    text = http.get("/mailbox").text
    assert text.index("Grüße &lt;b&gt;") < text.index("The first")
    assert "bob@corp.example" in text
    assert '<time datetime="' in text


def test_an_empty_mailbox_says_what_to_do(http):
    assert "Nothing was sent yet." in http.get("/mailbox").text


def test_only_the_newest_are_listed(http, mailbox):
    for number in range(MAX_SHOWN + 5):
        put(mailbox, f"mail_{number:04}")
    text = http.get("/mailbox").text
    assert text.count('href="/mailbox/mail_') == MAX_SHOWN
    assert "mail_0004" not in text


def test_an_email_is_shown_with_all_its_parts(http, mailbox):
    put(mailbox, "mail_1")
    text = http.get("/mailbox/mail_1").text
    assert 'sandbox="allow-top-navigation-by-user-activation"' in text
    assert '<a href="http://localhost:8000/i/' in text
    assert "MIME-Version" in text
    assert "<script>" not in text


def test_the_html_runs_nothing_and_is_framed_by_us_alone(http, mailbox):
    put(mailbox, "mail_1")
    answer = http.get("/mailbox/mail_1/html")
    policy = answer.headers["Content-Security-Policy"]
    assert "script-src" not in policy
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'")
    assert "sandbox allow-top-navigation-by-user-activation" in policy
    assert "frame-ancestors 'self'" in policy
    assert answer.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert answer.text.startswith('<!doctype html><base target="_top">')


@pytest.mark.parametrize(
    "name", ["..%2Fsecret", "%2e%2e%2fsecret", "..", ".", "mail_1.eml", "..%5Csecret", "a" * 81, "mail_1%00", "mäil"]
)
def test_no_name_leads_out_of_the_folder(http, mailbox, name):
    put(mailbox, "mail_1")
    for path in (f"/mailbox/{name}", f"/mailbox/{name}/html"):
        answer = http.get(path)
        assert answer.status_code in {301, 308, 404}
        assert "not to be read" not in answer.text


def test_an_unreadable_email_hides_no_other(http, mailbox):
    put(mailbox, "mail_1")
    (mailbox / "mail_2.eml").write_bytes(b"\xff\xfe\0 nonsense\r\nFrom: =?nope?b?!!?=\r\nTo: <<<>\r\n")
    (mailbox / "mail_3.eml").write_bytes(b'Content-Type: text/html; charset="no-such"\r\nSubject: x\r\n\r\n<p>hi')
    (mailbox / "mail_4.eml").symlink_to(mailbox / "gone")
    os.utime(mailbox / "mail_1.eml", (0, 0))
    assert "Alice invites you to Acme" in http.get("/mailbox").text
    for name in ("mail_2", "mail_3", "mail_3/html"):
        assert http.get(f"/mailbox/{name}").status_code == 200


def test_where_emails_really_go_out_there_is_no_mailbox(window):
    for path in ("/mailbox", "/mailbox/mail_1", "/mailbox/mail_1/html"):
        assert window.open(path).status_code == 404


@pytest.mark.parametrize("path", ["/mailbox", "/mailbox/mail_1", "/mailbox/mail_1/html"])
def test_from_another_machine_the_mailbox_asks_for_the_operator_key(http, settings, mailbox, path):
    put(mailbox, "mail_1")
    assert http.get(path).status_code == 200
    elsewhere = {"REMOTE_ADDR": "192.168.1.7"}
    assert http.get(path, environ_base=elsewhere).status_code == 401
    assert http.get(path, headers={"X-Forwarded-For": "192.168.1.7"}).status_code == 401
    window = Window(http)
    assert window.send("/operator", password=settings.operator_key).status_code == 303
    assert http.get(path, environ_base=elsewhere).status_code == 200
