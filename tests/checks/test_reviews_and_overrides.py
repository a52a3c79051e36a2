"""Dry runs, exceptions and reviews, for people and programs."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from typing import Any

import pytest
from dns_server import DnsServer
from sqlalchemy import func, select, update
from test_table import check_until_done, codes, codes_of, invite

from shared.clock import now, rfc3339
from shared.db.transaction import transaction
from shared.models import BillingAnswer, Invitation, Job, MailDomain, PolicyException
from shared.permissions import Role
from shared.policy_context import load
from shared.settings.settings import Settings
from tests.web.conftest import Caller, World, let_go, unlimited
from web.app import create_app
from worker.context import WorkerContext
from worker.lookups.contracts import signature
from worker.tasks.checks import check_invitations


@pytest.fixture
def custom_settings(settings: Settings, dns: DnsServer) -> Settings:
    """Settings with the tests' name server and no lists, which these tests don't need."""
    front = (ip_network("127.0.0.0/8"),)
    changes = {"dns_servers": (dns.address,), "reserved_domains": "look_up", "trusted_proxies": front}
    return settings.model_copy(update=changes)


Elsewhere = Callable[..., World]


@pytest.fixture
def elsewhere(world: World) -> Iterator[Elsewhere]:
    """Creates the same world under other settings."""
    apps = []

    def under(**changes: Any) -> World:
        settings = world.settings.model_copy(update=changes)
        apps.append(create_app(settings))
        return World(apps[-1], settings, world.sessions)

    yield under
    for app in apps:
        let_go(app)


def as_in(world: World, who: Caller) -> Caller:
    return Caller(world.app.test_client(), who.token, who.id, who.email)


def held_one(alice: Caller, acme: str, context: WorkerContext, world: World) -> str:
    answer = invite(alice, acme, "dora@corp.test", Via="1.1 squid, 1.1 front")
    check_until_done(context, world)
    path: str = answer.headers["Location"]
    assert alice.get(path).json["status"] == "held"
    return path


def exception(who: Caller, path: str, effect: str, subject: str, value: str, **more: Any) -> Any:
    body = {"effect": effect, "subject": subject, "value": value, "reason": "A test.", **more}
    return who.post(f"/v1{path}/exceptions", body)


def test_a_dry_run_reports_the_verdict_and_records_nothing(world: World, alice: Caller, acme: str) -> None:
    path = f"/v1/accounts/{acme}/invitations/check"
    good = alice.post(path, {"email": "dora@corp.test", "role": "developer", "message": "Hi", "locale": "de"})
    assert (good.json["verdict"], good.json["reasons"]) == ("allow", [])
    assert {check["check"] for check in good.json["checks"]} >= {"eligibility", "domain", "proxy"}
    bad = alice.post(path, {"email": "dora@gmial.com", "role": "owner"}).json
    assert (bad["verdict"], codes(bad["reasons"])) == ("deny", ["role_not_assignable", "domain_disposable"])
    assert "Did you mean gmail.com?" in bad["reasons"][1]["remedy"]
    assert alice.post(path, {"email": "dora@corp.test"}).status_code == 422
    with world.sessions() as session:
        assert session.scalars(select(Invitation)).all() == []
        assert session.scalars(select(Job)).all() == []


def test_a_thousand_are_checked_at_once(alice: Caller, acme: str) -> None:
    rows = [{"email": f"dora{number}@corp.test", "role": "developer"} for number in range(997)]
    rows += [{"email": email, "role": "support"} for email in ("dora1@corp.test", "no-one", "x@gmail.com")]
    answer = alice.post(f"/v1/accounts/{acme}/invitations/check", {"invitations": rows})
    results = answer.json["results"]
    assert [result["index"] for result in results] == list(range(1000))
    assert {result["verdict"] for result in results[:997]} == {"allow"}
    assert [codes(result["reasons"]) for result in results[997:]] == [
        ["already_invited"],
        ["email_invalid"],
        ["domain_personal"],
    ]


def test_a_held_invitation_is_released_by_the_operator_with_a_reason(
    world: World, alice: Caller, acme: str, context: WorkerContext
) -> None:
    path = held_one(alice, acme, context, world)
    refused = alice.post(f"{path}/release", {"reason": "I know her."})
    assert (refused.status_code, refused.json["permission"]) == (403, "operator")
    released = world.operator.post(f"{path}/release", {"reason": "She works from a hotel."})
    assert (released.status_code, released.json["status"], released.json["delivery"]) == (200, "pending", "queued")
    events = alice.get(f"{path}/events").json["data"]
    assert [event["action"] for event in events][-2:] == ["invitation.held", "invitation.released"]
    assert events[-1]["data"]["reason"] == "She works from a hotel."
    assert world.operator.post(f"{path}/release", {"reason": "Again."}).status_code == 409


def test_a_held_invitation_is_refused_and_never_mailed(
    world: World, alice: Caller, acme: str, context: WorkerContext
) -> None:
    path = held_one(alice, acme, context, world)
    assert world.operator.post(f"{path}/refuse", {"reason": "Nobody knows her."}).json["status"] == "blocked"
    with world.sessions() as session:
        assert session.scalars(select(Job).where(Job.kind == "invitation.mail")).all() == []


def test_the_owner_decides_where_the_installation_says_so(
    world: World, alice: Caller, acme: str, context: WorkerContext, elsewhere: Elsewhere
) -> None:
    path = held_one(alice, acme, context, world)
    other = elsewhere(held_release_by="owner")
    admin = world.person("adam@corp.example")
    world.join(acme, admin, Role.ADMIN)
    assert as_in(other, admin).post(f"{path}/release", {"reason": "Me too."}).status_code == 403
    assert as_in(other, alice).post(f"{path}/release", {"reason": "I know her."}).json["status"] == "pending"


def test_strangers_see_neither_exceptions_nor_decisions(
    world: World, alice: Caller, acme: str, context: WorkerContext
) -> None:
    path = held_one(alice, acme, context, world)
    charlie = world.person("charlie@other.example")
    assert charlie.post(f"{path}/release", {"reason": "x"}).status_code == 404
    assert charlie.get(f"/v1/accounts/{acme}/exceptions").status_code == 404
    assert exception(charlie, f"/accounts/{acme}", "block", "domain", "corp.test").status_code == 404
    assert exception(alice, "", "block", "domain", "corp.test").status_code == 403


def test_an_account_tightens_its_rules_and_only_the_operator_loosens_them(
    world: World, alice: Caller, acme: str
) -> None:
    here = f"/accounts/{acme}"
    assert exception(alice, here, "allow", "domain", "gmail.com").status_code == 403
    blocked = exception(alice, here, "block", "domain", "Rival.test")
    assert (blocked.status_code, blocked.json["value"]) == (201, "rival.test")
    assert codes(invite(alice, acme, "x@hr.rival.test").json["reasons"]) == ["domain_not_allowed"]
    assert exception(world.operator, here, "allow", "address", "x@hr.rival.test").status_code == 201
    assert invite(alice, acme, "x@hr.rival.test").status_code == 202
    assert alice.delete(f"/v1{here}/exceptions/{blocked.json['id']}").status_code == 204
    assert invite(alice, acme, "y@rival.test").status_code == 202
    assert alice.delete(f"/v1{here}/exceptions/{blocked.json['id']}").status_code == 404


def test_only_named_domains_are_invited_once_an_account_names_some(world: World, alice: Caller, acme: str) -> None:
    for value in ("corp.test", "*.corp.test"):
        assert exception(alice, f"/accounts/{acme}", "only", "domain", value).status_code == 201
    assert invite(alice, acme, "x@corp.test").status_code == 202
    assert invite(alice, acme, "x@eu.corp.test").status_code == 202
    assert codes(invite(alice, acme, "x@other.test").json["reasons"]) == ["domain_not_allowed"]


def test_an_exception_for_all_counts_until_it_ends(world: World, alice: Caller, acme: str) -> None:
    soon = rfc3339(now() + timedelta(hours=1))
    made = exception(world.operator, "", "allow", "domain", "fastmail.com", ends_at=soon)
    assert made.status_code == 201
    shown = invite(alice, acme, "x@fastmail.com").json
    (domain,) = [check for check in shown["checks"] if check["check"] == "domain"]
    assert domain["data"]["exception"] == made.json["id"]
    with transaction(world.sessions) as session:
        session.execute(update(PolicyException).values(ends_at=func.now()))
    assert codes(invite(alice, acme, "y@fastmail.com").json["reasons"]) == ["domain_personal"]
    assert world.operator.get("/v1/exceptions").json["data"] == []
    past = exception(world.operator, "", "allow", "domain", "fastmail.com", ends_at=rfc3339(now()))
    assert past.status_code == 422


@pytest.mark.parametrize(("subject", "value"), [("domain", "no domain"), ("address", "x"), ("network", "10.0.0.0/99")])
def test_an_exception_has_to_be_what_it_says(world: World, subject: str, value: str) -> None:
    assert exception(world.operator, "", "block", subject, value).status_code == 422


def test_a_network_is_let_through_by_the_operator(
    world: World, alice: Caller, acme: str, context: WorkerContext
) -> None:
    exception(world.operator, f"/accounts/{acme}", "allow", "network", "93.184.216.0/24")
    answer = invite(alice, acme, "dora@corp.test", Via="1.1 squid, 1.1 front")
    assert codes_of(answer.json) == []
    blocked = exception(alice, f"/accounts/{acme}", "block", "network", "203.0.113.0/24")
    assert blocked.status_code == 201
    denied = invite(alice, acme, "eve@corp.test", X_Forwarded_For="203.0.113.9")
    assert codes(denied.json["reasons"]) == ["proxy_listed"]


def test_a_contract_that_ends_blocks_what_is_held_at_once(
    world: World, alice: Caller, acme: str, context: WorkerContext
) -> None:
    path = held_one(alice, acme, context, world)
    day = now().date() - timedelta(days=1)
    terms = {
        "monthly_commitment": {"amount": "1000", "currency": "USD"},
        "starts_on": "2020-01-01",
        "ends_on": str(day),
    }
    assert world.operator.put(f"/v1/accounts/{acme}/contract", terms).status_code == 200
    check_until_done(context, world)
    assert alice.get(path).json["status"] == "blocked"


def test_look_alike_domains_wait_for_a_person(world: World, alice: Caller, acme: str, context: WorkerContext) -> None:
    answer = invite(alice, acme, "dora@аррӏе.com")
    assert codes_of(answer.json) == ["domain_lookalike"]
    check_until_done(context, world)
    assert alice.get(answer.headers["Location"]).json["status"] == "held"


def test_a_silent_name_server_holds_up_no_other_domain(
    world: World, alice: Caller, acme: str, context: WorkerContext
) -> None:
    unlimited(world, acme)
    silent = [invite(alice, acme, f"dora@silent-{number}.test") for number in range(3)]
    others = [invite(alice, acme, f"dora@mx-{number}.test") for number in range(12)]
    with world.sessions() as session:
        ids = list(session.scalars(select(Job.id)))
    began = time.monotonic()
    while {alice.get(answer.headers["Location"]).json["status"] for answer in others} != {"pending"}:
        check_invitations(context, ids)
        assert time.monotonic() - began < context.settings.dns_timeout.total_seconds()
    assert {alice.get(answer.headers["Location"]).json["status"] for answer in silent} == {"checking"}
    check_until_done(context, world)
    assert {alice.get(answer.headers["Location"]).json["status"] for answer in silent} == {"pending"}


def test_where_no_name_server_answers_mail_still_leaves_soon(
    world: World, alice: Caller, acme: str, context: WorkerContext, dns: DnsServer
) -> None:
    dns.deaf = True
    first = invite(alice, acme, "dora@mx-first.test")
    began = time.monotonic()
    check_until_done(context, world)
    assert time.monotonic() - began < 2.5
    assert alice.get(first.headers["Location"]).json["status"] == "pending"
    many = [invite(alice, acme, f"dora@mx-{number}.test") for number in range(10)]
    began = time.monotonic()
    check_until_done(context, world)
    assert time.monotonic() - began < 1.5
    assert {alice.get(answer.headers["Location"]).json["status"] for answer in many} == {"pending"}


def test_a_domain_is_asked_about_once_for_all_of_its_people(
    world: World, alice: Caller, acme: str, context: WorkerContext, dns: DnsServer
) -> None:
    for number in range(10):
        invite(alice, acme, f"dora{number}@mx-once.test")
        check_until_done(context, world)
    assert [asked for asked in dns.asked if "once" in asked[0] and asked[1] == "MX"][1:] in (
        [],
        [("mx-once.test", "MX")],
    )
    with world.sessions() as session:
        assert session.scalars(select(MailDomain.answer)).all() == ["mx"]


def test_what_is_unknown_is_held_where_the_installation_says_so_and_asked_again(
    world: World, alice: Caller, acme: str, context: WorkerContext, elsewhere: Elsewhere
) -> None:
    strict = elsewhere(unknown_policy="hold")
    context.policy = load(strict.settings)
    answer = invite(as_in(strict, alice), acme, "dora@servfail-x.test")
    with world.sessions() as session:
        ids = list(session.scalars(select(Job.id)))
    for _ in range(3):
        check_invitations(context, ids)
    path = answer.headers["Location"]
    assert alice.get(path).json["status"] == "held"
    assert "domain_not_checked" in str(alice.get(f"{path}/events").json["data"][-1]["data"])
    with transaction(world.sessions) as session:
        again = session.scalars(select(Job).where(Job.state == "queued")).one()
        assert again.due_at > now() + timedelta(seconds=30)
        session.execute(update(MailDomain).values(answer="mx", looked_up_at=func.now()))
        session.execute(update(Job).values(due_at=func.now()))
        again_id = again.id
    check_invitations(context, [again_id])
    assert alice.get(path).json["status"] == "pending"


class Billing(ThreadingHTTPServer):
    """The operator's billing system. `contract` is its answer for every account, and `down` makes it fail."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _BillingHandler)
        self.contract: dict[str, str] | None = None
        self.down, self.asked = False, list[dict[str, str]]()


class _BillingHandler(BaseHTTPRequestHandler):
    server: Billing

    def do_GET(self) -> None:
        self.server.asked.append({"path": self.path, **self.headers})
        self.send_response(500 if self.server.down else 200)
        self.end_headers()
        self.wfile.write(json.dumps({"contract": self.server.contract}).encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def billing() -> Iterator[Billing]:
    with Billing() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_contracts_come_from_the_billing_system_where_there_is_one(
    world: World, alice: Caller, acme: str, billing: Billing, elsewhere: Elsewhere
) -> None:
    key = "a-billing-key-of-the-tests"
    asking = elsewhere(billing_url=f"http://127.0.0.1:{billing.server_port}/contract", billing_key=key)
    context = WorkerContext(asking.settings, load(asking.settings), name="test", stopping=lambda: False)
    inviter = as_in(asking, alice)
    try:
        first = invite(inviter, acme, "dora@corp.test")
        assert codes_of(first.json) == ["contract_not_checked"]
        check_until_done(context, world)
        assert codes_of(inviter.get(first.headers["Location"]).json) == ["contract_missing"]
        asked = billing.asked[0]
        assert asked["path"].endswith(f"?account_id={acme}")
        assert asked["X-Usher-Signature"] == signature(key, asked["X-Usher-Timestamp"], acme)
        assert codes(invite(inviter, acme, "dora@corp.test").json["reasons"]) == ["contract_missing"]
        year = {"starts_on": str(now().date()), "ends_on": str(now().date() + timedelta(days=365))}
        billing.contract = {"amount": "750.00", "currency": "usd", **year}
        _outdate(world)
        second = invite(inviter, acme, "dora@corp.test")
        check_until_done(context, world)
        assert inviter.get(second.headers["Location"]).json["status"] == "pending"
        billing.down = True
        _outdate(world)
        third = invite(inviter, acme, "emil@corp.test")
        check_until_done(context, world)
        shown = inviter.get(third.headers["Location"]).json
        assert (shown["status"], codes_of(shown)) == ("pending", ["contract_not_checked"])
    finally:
        context.close()


def _outdate(world: World) -> None:
    with transaction(world.sessions) as session:
        session.execute(update(BillingAnswer).values(answered_at=func.now() - timedelta(hours=1)))
