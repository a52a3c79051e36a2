"""Delivery events from the mail system: signed, in any order, repeated, forged."""

import base64
import hashlib
import hmac
import json
import random
import time
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from shared.models import AuditEvent, Invitation, Job, JobKind, Suppression
from tests.web.conftest import Caller, World, application, let_go, unlimited
from web.app import create_app

KEY = "whsec_" + base64.b64encode(b"the key that the mail system signs with").decode()
ORDER = ("none", "queued", "sent", "delivered", "bounced", "complained")


@pytest.fixture
def app(settings) -> Iterator[Flask]:
    app = application(settings.model_copy(update={"mail_events_key": KEY}))
    yield app
    let_go(app)


def tell(world: World, *events: dict[str, str], key: str = KEY, age: int = 0) -> Any:
    """Post these events as an email system with this key does."""
    body = json.dumps({"events": events}).encode()
    stamp = str(int(time.time()) - age)
    secret = base64.b64decode(key.removeprefix("whsec_"))
    signature = base64.b64encode(hmac.digest(secret, b".".join([b"msg_1", stamp.encode(), body]), hashlib.sha256))
    signed = {"webhook-id": "msg_1", "webhook-timestamp": stamp, "webhook-signature": f"v1,{signature.decode()}"}
    return world.nobody.http.post("/v1/mail-events", data=body, headers={"Content-Type": "application/json"} | signed)


def about(invitation_id: str, kind: str, generation: int = 1, **more: str) -> dict[str, str]:
    return {"message_id": f"<{invitation_id}.{generation}@corp.example>", "type": kind, **more}


def shown(alice: Caller, acme: str, invitation_id: str) -> str:
    return str(alice.get(f"/v1/accounts/{acme}/invitations/{invitation_id}").json["delivery"])


def test_a_bounced_email_is_shown_and_not_sent_again(world: World, alice: Caller, acme: str) -> None:
    bob = world.invited(acme, alice, "bob@corp.example")
    answer = tell(world, about(bob, "bounced", reason="550 5.1.1 no such user"))
    assert (answer.status_code, answer.json) == (200, {"changed": 1})
    assert shown(alice, acme, bob) == "bounced"
    events = alice.get(f"/v1/accounts/{acme}/invitations/{bob}/events").json["data"]
    assert (events[-1]["action"], events[-1]["data"]["why"]) == ("invitation.bounced", "550 5.1.1 no such user")
    with world.sessions() as session:
        assert "550 5.1.1 no such user" in session.get_one(Suppression, "bob@corp.example").why


def test_events_of_an_older_email_are_not_shown_but_a_complaint_still_counts(
    world: World, alice: Caller, acme: str
) -> None:
    bob = world.invited(acme, alice, "bob@corp.example")
    world.change(Invitation, bob, generation=2)
    assert tell(world, about(bob, "complained", generation=1)).json == {"changed": 0}
    assert shown(alice, acme, bob) == "queued"
    with world.sessions() as session:
        assert session.get(Suppression, "bob@corp.example") is not None


def test_a_bounced_email_to_a_user_suppresses_their_address(world: World, nobody: Caller) -> None:
    who = {"email": "new@corp.example", "name": "New", "password": "correct horse battery"}
    assert nobody.post("/v1/users", who).status_code == 201
    with world.sessions() as session:
        mail = session.scalars(select(Job.id).where(Job.kind == JobKind.VERIFICATION_MAIL)).one()
    tell(world, {"message_id": f"{mail}@corp.example", "type": "bounced"})
    with world.sessions() as session:
        assert session.get(Suppression, "new@corp.example") is not None


@pytest.mark.parametrize(
    "message_id",
    ["", "<>", "<inv_nobody.1@x>", "<job_nobody@x>", "inv_.99999999999999", "inv_x.²@x", "<other@gmail.com>"],
)
def test_an_event_of_an_unknown_email_is_ignored(world: World, message_id: str) -> None:
    answer = tell(world, {"message_id": message_id, "type": "bounced"})
    assert (answer.status_code, answer.json.get("changed")) in {(200, 0), (422, None)}


def test_what_is_forged_old_or_unsigned_changes_nothing(world: World, alice: Caller, acme: str) -> None:
    bob = world.invited(acme, alice, "bob@corp.example")
    other = "whsec_" + base64.b64encode(b"some other key").decode()
    for answer in (
        tell(world, about(bob, "bounced"), key=other),
        tell(world, about(bob, "bounced"), age=400),
        tell(world, about(bob, "bounced"), age=-400),
        world.nobody.post("/v1/mail-events", {"events": [about(bob, "bounced")]}),
        world.operator.post("/v1/mail-events", {"events": [about(bob, "bounced")]}),
    ):
        assert (answer.status_code, answer.json["code"]) == (401, "unauthenticated")
    assert shown(alice, acme, bob) == "queued"


def test_an_event_with_more_to_it_than_there_is_is_refused(world: World) -> None:
    answer = tell(world, about("inv_x", "bounced", account_id="acc_x"))
    assert (answer.status_code, answer.json["errors"][0]["field"]) == (422, "events.0.account_id")


def test_without_a_key_the_call_is_not_there(settings) -> None:
    app = create_app(settings)
    answer = app.test_client().post("/v1/mail-events", json={"events": []})
    assert answer.status_code == 404
    let_go(app)


def test_in_any_order_and_however_often_the_worst_news_stays(world: World, alice: Caller, acme: str) -> None:
    """Row 21 of the fault plan in small: shuffled, doubled, one in twenty forged. The result matches an oracle's."""
    dice = random.Random(7)
    unlimited(world, acme)
    ids = [world.invited(acme, alice, f"guest{number}@corp{number}.example") for number in range(20)]
    news = [about(dice.choice(ids), dice.choice(["delivered", "bounced", "complained", "delayed"])) for _ in range(40)]
    news += news
    dice.shuffle(news)
    forged = [about(each, "complained") for each in ids]
    expected = dict.fromkeys(ids, "queued")
    while news:
        some, news = news[:7], news[7:]
        for event in some:
            each, kind = event["message_id"][1:].partition(".")[0], event["type"]
            if kind != "delayed":
                expected[each] = max(expected[each], kind, key=ORDER.index)
        assert tell(world, *some).status_code == 200
        assert tell(world, forged.pop(), key="whsec_" + base64.b64encode(b"not the key").decode()).status_code == 401
    assert {each: shown(alice, acme, each) for each in ids} == expected
    with world.sessions() as session:
        events = session.scalars(
            select(AuditEvent.subject_id).where(AuditEvent.action == "invitation.complained")
        ).all()
    assert sorted(events) == sorted(each for each, state in expected.items() if state == "complained")
