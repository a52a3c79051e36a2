"""Guessing passwords and keys: attempts are counted first, slowed down, and shown to the affected person."""

from functools import partial
from threading import Barrier, Thread
from typing import Any

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import func, select, update

from shared.accounts import passwords
from shared.email_address import folded, parse
from shared.models import FailedSignIn, Throttle, User
from shared.permissions import Role
from tests.web.conftest import PASSWORD, World

DORA = "dora@corp.example"


@pytest.fixture(scope="module")
def digest() -> str:
    return passwords.hash_password(PASSWORD)


@pytest.fixture
def dora(world: World, digest: str) -> Any:
    return world.person(DORA, password_hash=digest)


def sign_in(world: World, email: str = DORA, password: str = "wrong", *, at: str = "192.0.2.1", **cookies: str) -> Any:
    """Try to sign in from this address."""
    http = world.app.test_client()
    for name, value in cookies.items():
        http.set_cookie(name, value)
    body = {"email": email, "password": password}
    return http.post("/v1/sessions", json=body, environ_base={"REMOTE_ADDR": at})


def refused(reason: str) -> float:
    return REGISTRY.get_sample_value("usher_failed_sign_ins_total", {"reason": reason}) or 0.0


def all_at_once(*calls: Any) -> list[int]:
    gate, statuses = Barrier(len(calls)), []

    def run(call: Any) -> None:
        gate.wait()
        statuses.append(call().status_code)

    threads = [Thread(target=run, args=[call]) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return statuses


def test_fifty_guesses_at_once_are_ten(world, dora, digest):
    statuses = all_at_once(*[partial(sign_in, world, at=f"198.51.100.{n}") for n in range(50)])
    assert sorted(statuses) == [401] * 10 + [429] * 40


def test_a_whole_ipv6_network_is_one_guesser(world, digest):
    """One password tried on many users, from an address of the same /64 each time."""
    for number in range(40):
        world.person(f"person{number}@corp.example", password_hash=digest)
    statuses = [sign_in(world, f"person{n}@corp.example", at=f"2001:db8:1:2::{n + 1:x}").status_code for n in range(40)]
    assert statuses == [401] * 30 + [429] * 10
    assert sign_in(world, "person39@corp.example", at="2001:db8:1:3::1").status_code == 401


def test_each_further_guess_waits_longer_and_never_longer_than_a_quarter_of_an_hour(world, dora):
    for _ in range(10):
        sign_in(world)
    waits = []
    for _ in range(8):
        waits.append(int(sign_in(world).headers["Retry-After"]))
        with world.sessions.begin() as session:
            session.execute(update(Throttle).values(allowed_at=func.now()))
        assert sign_in(world).status_code == 401
    assert waits == sorted(waits)
    assert waits[0] <= 31
    assert 800 < waits[-1] <= 901


def test_strangers_do_not_keep_dora_out_of_where_she_signed_in_before(world, dora):
    assert sign_in(world, password=PASSWORD, at="203.0.113.9").status_code == 201
    for number in range(12):
        sign_in(world, at=f"198.51.100.{number}")
    assert sign_in(world, password=PASSWORD, at="198.51.100.99").status_code == 429
    assert sign_in(world, password=PASSWORD, at="203.0.113.9").status_code == 201


def test_strangers_do_not_keep_dora_out_of_her_own_browser(world, window, dora):
    window.sign_in(DORA)
    known = window.http.get_cookie("usher_device").value
    for number in range(12):
        sign_in(world, at=f"198.51.100.{number}")
    assert sign_in(world, password=PASSWORD, at="198.51.100.99").status_code == 429
    assert sign_in(world, password=PASSWORD, at="198.51.100.98", usher_device="x" * 43).status_code == 429
    assert sign_in(world, password=PASSWORD, at="198.51.100.97", usher_device=known).status_code == 201


def test_a_right_password_gives_back_its_own_try_and_no_strangers(world, dora):
    for number in range(9):
        sign_in(world, at=f"198.51.100.{number}")
    for _ in range(3):
        assert sign_in(world, password=PASSWORD, at="203.0.113.9").status_code == 201
    assert sign_in(world, at="198.51.100.50").status_code == 401
    assert sign_in(world, at="198.51.100.51").status_code == 429


@pytest.mark.parametrize(
    ("written", "key"),
    [
        ("Dora+news@corp.example", "dora@corp.example"),
        ("d.o.r.a+x@gmail.com", "dora@gmail.com"),
        ("do.ra@googlemail.com", "dora@gmail.com"),
        ("do.ra@corp.example", "do.ra@corp.example"),
        ("+x@corp.example", "+x@corp.example"),
    ],
)
def test_addresses_of_one_mailbox_count_together(written, key):
    assert folded(parse(written).key) == key


def test_one_caller_alone_gets_even_fewer_sent(world, nobody):
    for path in ("/v1/users/verify/resend", "/v1/password-resets"):
        statuses = [nobody.post(path, {"email": f"dora+{number}@corp.example"}).status_code for number in range(8)]
        assert statuses == [202] * 5 + [429] * 3


def test_operator_keys_cannot_be_guessed_without_end(world, operator, window):
    http = world.app.test_client()
    tries = [http.get("/v1/jobs", headers={"Authorization": f"Bearer guess {n}"}).status_code for n in range(35)]
    assert tries == [401] * 30 + [429] * 5
    right = http.get("/v1/jobs", headers={"Authorization": f"Bearer {world.settings.operator_key}"})
    assert right.status_code == 429, "a right guess must not stand out"
    assert int(right.headers["Retry-After"]) <= 60
    assert window.send("/operator", password=world.settings.operator_key).status_code == 429
    elsewhere = {"REMOTE_ADDR": "203.0.113.9"}
    headers = {"Authorization": f"Bearer {world.settings.operator_key}"}
    assert http.get("/v1/jobs", headers=headers, environ_base=elsewhere).status_code == 200


def test_operator_keys_on_the_page_are_counted_too(world, window):
    tries = [window.send("/operator", password=f"guess {n}").status_code for n in range(32)]
    assert tries == [401] * 30 + [429] * 2
    assert world.operator.get("/v1/jobs").status_code == 429


def test_unknown_api_keys_are_counted_and_good_ones_go_on(world, alice, acme):
    program = world.api_key(acme, alice, Role.ADMIN)
    http = world.app.test_client()
    tries = [
        http.post("/v1/check", json={"checks": []}, headers={"Authorization": f"Bearer ushk_{n}"}).status_code
        for n in range(32)
    ]
    assert tries == [401] * 30 + [429] * 2
    assert program.get(f"/v1/accounts/{acme}").status_code == 200
    assert alice.get("/v1/me").status_code == 200


def test_a_program_with_an_ended_session_or_a_revoked_key_does_not_keep_the_operator_out(world):
    for token in ("ushk_" + "k" * 43, "s" * 43):
        headers = {"Authorization": f"Bearer {token}"}
        tries = [world.app.test_client().get("/v1/me", headers=headers).status_code for _ in range(20)]
        assert set(tries) <= {401, 429}
    assert tries[-1] == 429
    assert world.operator.get("/v1/jobs").status_code == 200


def test_a_good_credential_writes_no_count(world, alice, operator, acme):
    program = world.api_key(acme, alice, Role.ADMIN)
    for caller, path in ((alice, "/v1/me"), (operator, "/v1/jobs"), (program, f"/v1/accounts/{acme}")):
        assert caller.get(path).status_code == 200
    with world.sessions() as session:
        assert session.scalars(select(Throttle)).all() == []


def test_a_failed_sign_in_is_a_log_line_and_a_figure(world, dora, capfd):
    before = refused("password"), refused("rate_limited")
    for _ in range(11):
        sign_in(world, at="198.51.100.7")
    assert (refused("password"), refused("rate_limited")) == (before[0] + 10, before[1] + 1)
    fields = capfd.readouterr()
    assert "d***@corp.example" in fields.out + fields.err
    assert "198.51.100.7" in fields.out + fields.err
    assert DORA not in fields.out + fields.err
    assert "wrong" not in fields.err


def test_dora_sees_who_tried_her_password(world, window, dora):
    for number in range(3):
        sign_in(world, at=f"198.51.100.{number}")
    first = dora.get("/v1/me/failed-sign-ins?limit=2").json
    assert [row["origin"] for row in first["data"]] == ["198.51.100.2", "198.51.100.1"]
    rest = dora.get(f"/v1/me/failed-sign-ins?limit=2&cursor={first['next_cursor']}").json
    assert ([row["origin"] for row in rest["data"]], rest["next_cursor"]) == (["198.51.100.0"], None)
    window.sign_in(DORA)
    assert "198.51.100.2" in window.open("/me").text


def test_no_one_sees_the_failed_sign_ins_of_an_address_they_have_not_proven(world, dora):
    sign_in(world)
    stranger = world.person("dora+2@corp.example", proven=False)
    body = {"email": DORA, "name": "Mallory", "password": "the stranger's own secret"}
    assert world.nobody.post("/v1/users", body).status_code == 201
    token = sign_in(world, password="the stranger's own secret", at="203.0.113.9").json["token"]
    http = world.app.test_client()
    seen = http.get("/v1/me/failed-sign-ins", headers={"Authorization": f"Bearer {token}"}).json
    assert seen["data"] == []
    assert stranger.get("/v1/me/failed-sign-ins").json["data"] == []


def test_a_failed_sign_in_is_noted_for_known_and_unknown_addresses_alike(world, dora):
    for email in (DORA, "unknown@corp.example"):
        sign_in(world, email)
    with world.sessions() as session:
        assert {row.email_key for row in session.scalars(select(FailedSignIn))} == {DORA, "unknown@corp.example"}
        assert session.scalar(select(func.count()).select_from(User)) == 1


def test_figures_do_not_tell_known_addresses_from_unknown_ones(world, dora):
    counts = []
    for email in (DORA, "unknown@corp.example"):
        start = refused("password")
        sign_in(world, email)
        counts.append(refused("password") - start)
    assert counts == [1, 1]
