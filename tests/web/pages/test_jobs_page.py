"""The pages of background jobs: the operator's, which needs the key, and an account's own."""

import re

from sqlalchemy import text

from shared.models import Job, JobState
from tests.web.conftest import let_go
from web.app import create_app


def operate(window, world) -> None:
    assert window.send("/operator", password=world.settings.operator_key).status_code == 303


def test_no_one_sees_the_jobs_without_the_operator_key(window, world, carol):
    window.sign_in("carol@corp.example")
    answer = window.open("/jobs")
    assert answer.status_code == 401
    assert 'href="/operator"' in answer.text
    assert window.send("/operator", password="an operator key of others").status_code == 401
    window.http.set_cookie("usher_operator", "99999999999." + "x" * 43)
    assert window.open("/jobs").status_code == 401


def test_the_operator_sees_every_job_and_does_one_again(window, world, carol):
    acme = world.account(carol)
    world.invited(acme, carol, "dora@corp.example")
    operate(window, world)
    page = window.open("/jobs").text
    assert page.count('class="entry"') == 2
    assert page.count("<svg") == 3
    (cancel, *_) = re.findall(r'formaction="(/jobs/job_\w+/cancel)"', page)
    assert window.send(cancel, seen_at="/jobs").status_code == 303
    assert "cancelled" in window.open("/jobs?state=cancelled").text
    assert window.send(cancel.replace("cancel", "retry"), seen_at="/jobs").status_code == 303
    with world.sessions() as session:
        assert session.get_one(Job, cancel.split("/")[2]).state == JobState.QUEUED


def test_jobs_that_only_a_newer_release_knows_are_shown_by_their_kind(window, world, carol):
    world.invited(world.account(carol), carol, "dora@corp.example")
    with world.sessions.begin() as session:
        session.execute(text("ALTER TABLE jobs DROP CONSTRAINT ck_jobs_kind"))
        session.execute(text("UPDATE jobs SET kind = 'farewell.mail'"))
    operate(window, world)
    assert "farewell.mail" in window.open("/jobs").text


def test_the_operators_cookie_opens_no_call_and_dies_with_the_key(window, world):
    operate(window, world)
    assert window.http.get("/v1/jobs").status_code == 401
    window.send("/operator/leave", seen_at="/operator")
    assert window.open("/jobs").status_code == 401


def test_a_copied_cookie_of_the_operator_opens_nothing_after_signing_out(window, world):
    operate(window, world)
    copied = window.http.get_cookie("usher_operator").value
    assert window.open("/jobs").status_code == 200
    window.send("/operator/leave", seen_at="/operator")
    window.http.set_cookie("usher_operator", copied)
    assert window.open("/jobs").status_code == 401


def test_a_new_operator_key_signs_every_browser_of_the_operator_out(window, world):
    operate(window, world)
    cookie = window.http.get_cookie("usher_operator").value
    rotated = create_app(world.settings.model_copy(update={"operator_key": "another operator key"}))
    http = rotated.test_client()
    http.set_cookie("usher_operator", cookie)
    assert http.get("/jobs").status_code == 401
    let_go(rotated)


def test_carol_sees_the_jobs_of_her_account_only(window, world, carol):
    acme, other = world.account(carol), world.account(alice := world.person("alice@corp.example"), "Other")
    world.invited(acme, carol, "dora@corp.example")
    world.invited(other, alice, "emil@corp.example")
    window.sign_in("carol@corp.example")
    assert window.open(f"/accounts/{acme}/jobs").text.count('class="entry"') == 2
    assert window.open(f"/accounts/{other}/jobs").status_code == 404
