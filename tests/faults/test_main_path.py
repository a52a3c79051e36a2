"""The main path on the running service, as separate processes: invited over HTTP, emailed over SMTP, then a member."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.processes import eventually
from tests.stack import PASSWORD, Stack, link_in, timed


@pytest.fixture(scope="module")
def stack(servers_folder: Path) -> Iterator[Stack]:
    with Stack(servers_folder / "main-path") as stack:
        yield stack


@pytest.fixture(scope="module")
def owner(stack: Stack) -> tuple[str, str]:
    return stack.owner()


def invite(stack: Stack, owner: tuple[str, str], email: str, **more: str):
    token, account = owner
    body = {"email": email, "role": "developer"}
    return stack.ask("POST", f"/v1/accounts/{account}/invitations", body, token=token, **more)


def shown(stack: Stack, owner: tuple[str, str], invitation: str) -> dict:
    token, account = owner
    return stack.ask("GET", f"/v1/accounts/{account}/invitations/{invitation}", token=token).json


def test_from_the_invitation_to_the_member(stack: Stack, owner):
    token, account = owner
    made = invite(stack, owner, "bob@corp.example", Prefer="wait=10")
    assert (made.status, made.json["status"]) == (202, "pending")
    invitation = made.json["id"]
    mail = stack.mail_to("bob@corp.example")
    assert {part.get_content_type() for part in mail.walk()} == {"multipart/alternative", "text/plain", "text/html"}
    link = link_in(mail, "i")
    for method in ["GET", "HEAD"] * 10:
        answer = stack.ask(method, f"/i/{link}", User_Agent="Mozilla/5.0 (compatible; mail scanner)")
        assert answer.status == 303
        assert link not in answer.headers["location"]
        followed = stack.ask(method, answer.headers["location"], Cookie=answer.headers["set-cookie"].split(";")[0])
        assert followed.status == 200
    eventually(lambda: shown(stack, owner, invitation)["delivery"] == "sent")
    assert shown(stack, owner, invitation)["status"] == "pending"
    assert stack.ask("POST", "/v1/invitations/inspect", {"token": link}).json["account"]["name"] == "Acme"
    body = {"token": link, "name": "Bob", "password": PASSWORD}
    accepted = stack.ask("POST", "/v1/invitations/accept", body)
    assert (accepted.status, accepted.json["membership"]["role"]) == (200, "developer")
    members = stack.ask("GET", f"/v1/accounts/{account}/members", token=token).json["data"]
    assert [(member["user"]["email"], member["role"]) for member in members] == [
        ("alice@corp.example", "owner"),
        ("bob@corp.example", "developer"),
    ]
    timeline = stack.ask("GET", f"/v1/accounts/{account}/invitations/{invitation}/events", token=token).json["data"]
    assert [event["action"] for event in timeline] == [
        "invitation.created",
        "invitation.checked",
        "invitation.sent",
        "invitation.accepted",
    ]


def test_the_email_follows_within_a_second_or_so(stack: Stack, owner):
    seconds, _ = timed(lambda: (invite(stack, owner, "quick@corp.example"), stack.mail_to("quick@corp.example")))
    assert seconds < 10


def test_without_the_broker_an_invitation_is_taken_at_once_and_mailed_all_the_same(stack: Stack, owner):
    stack.kill("valkey")
    seconds, made = timed(lambda: invite(stack, owner, "no-broker@corp.example"))
    assert made.status == 202
    assert seconds < 1
    stack.mail_to("no-broker@corp.example", within=30)
