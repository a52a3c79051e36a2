"""The checks through the REST API, case by case, against network lists and a name server, comparing reason codes."""

import time
from pathlib import Path

import pytest
from cases import PASSED, WARNED, contracts, in_other_words, mail_servers, networks, personal_and_disposable
from sqlalchemy import func, select, update

from shared.clock import now
from shared.db.transaction import transaction
from shared.models import Contract, Job, JobState
from tests.checks.conftest import FOLDERS
from tests.web.conftest import Caller, World, unlimited
from worker.context import WorkerContext
from worker.tasks.checks import check_invitations

DEADLINE = 20.0


def invite(who: Caller, account: str, email: str, **headers: str):
    headers.setdefault("X_Forwarded_For", "93.184.216.34")
    body = {"email": email, "role": "developer"}
    return who.ask("POST", f"/v1/accounts/{account}/invitations", body, **headers)


def codes(reasons: list[dict]) -> list[str]:
    return [reason["code"] for reason in reasons]


def codes_of(invitation: dict) -> list[str]:
    return [code for check in invitation["checks"] for code in codes(check["reasons"])]


def check_until_done(context: WorkerContext, world: World) -> None:
    """Run the workers' checks until nothing is due."""
    waiting = select(Job.id).where(Job.kind == "invitation.check", Job.state.in_((JobState.QUEUED, JobState.RUNNING)))
    until = time.monotonic() + DEADLINE
    while True:
        with world.sessions() as session:
            ids = list(session.scalars(waiting.where(Job.due_at <= func.now()).limit(20)))
            if not ids and not session.scalars(waiting).all():
                return
        assert time.monotonic() < until, "the checks are not done in time"
        check_invitations(context, ids) if ids else time.sleep(0.05)


def test_addresses_and_domains_are_refused_in_the_request(world: World, alice: Caller, acme: str) -> None:
    cases = list(personal_and_disposable())
    wrong = []
    for email, expected in cases:
        answer = invite(alice, acme, email)
        found = codes(answer.json["reasons"]) if answer.status_code == 422 else []
        if found != expected or answer.status_code != (422 if expected else 202):
            wrong.append((email, expected, answer.status_code, found))
    assert wrong == []
    assert len(cases) >= 100


@pytest.mark.parametrize("data", FOLDERS, indirect=True, ids=lambda folder: folder.name)
def test_networks_are_told_apart(world: World, alice: Caller, acme: str, data: Path) -> None:
    cases = networks(data)
    wrong = []
    for number, (address, expected, end) in enumerate(cases):
        answer = invite(alice, acme, f"dora{number}@corp.test", X_Forwarded_For=in_other_words(address))
        denied = answer.status_code == 422
        found = codes(answer.json["reasons"]) if denied else codes_of(answer.json)
        if found != expected or denied != (end == "denied"):
            wrong.append((address, expected, found))
    assert wrong == []
    assert len(cases) >= 150
    assert {end for _, _, end in cases} == {"denied", WARNED, PASSED}


def test_contracts_are_judged_to_the_day(world: World, alice: Caller, acme: str) -> None:
    cases = list(contracts(now().date()))
    wrong = []
    for number, (amount, currency, starts_on, ends_on, expected) in enumerate(cases):
        terms = {"amount": amount, "currency": currency, "starts_on": starts_on, "ends_on": ends_on}
        with transaction(world.sessions) as session:
            session.execute(update(Contract).values(terms))
        answer = invite(alice, acme, f"dora{number}@corp.test")
        found = codes(answer.json["reasons"]) if answer.status_code == 422 else []
        if found != expected or answer.status_code != (422 if expected else 202):
            wrong.append((amount, currency, str(starts_on), str(ends_on), expected, found))
    assert wrong == []
    assert len(cases) >= 35


def test_domains_are_judged_by_what_name_servers_say(
    world: World, alice: Caller, acme: str, context: WorkerContext
) -> None:
    unlimited(world, acme)
    cases = list(mail_servers())
    sent = [invite(alice, acme, f"dora@{domain}") for domain, _, _ in cases]
    assert [answer.status_code for answer in sent] == [202] * len(cases)
    check_until_done(context, world)
    wrong = []
    for (domain, status, expected), answer in zip(cases, sent, strict=True):
        shown = alice.get(answer.headers["Location"]).json
        if (shown["status"], codes_of(shown)) != (status, expected):
            wrong.append((domain, status, expected, shown["status"], codes_of(shown)))
    assert wrong == []


def test_the_table_has_four_hundred_cases(data: Path) -> None:
    tables = (personal_and_disposable(), networks(data), contracts(now().date()), mail_servers())
    assert sum(len(list(table)) for table in tables) >= 400


@pytest.mark.parametrize(
    ("header", "value", "expected"),
    [
        ("Via", "1.1 squid.corp.test, 1.1 front", ["proxy_header"]),
        ("Forwarded", "for=192.0.2.9, for=192.0.2.8", ["proxy_header"]),
        ("X-Forwarded-For", "192.0.2.9, 93.184.216.34", ["proxy_header"]),
        ("Via", "1.1 front", []),
    ],
)
def test_a_proxy_that_names_itself_has_the_invitation_held(
    world: World, alice: Caller, acme: str, context: WorkerContext, header: str, value: str, expected: list[str]
) -> None:
    answer = invite(alice, acme, "dora@corp.test", **{header.replace("-", "_"): value})
    assert codes_of(answer.json) == expected
    check_until_done(context, world)
    assert alice.get(answer.headers["Location"]).json["status"] == ("held" if expected else "pending")


def test_a_clients_own_forwarding_header_is_not_believed(world: World, alice: Caller, acme: str, data: Path) -> None:
    tor = next(address for address, found, _ in networks(data) if found == ["proxy_tor"])
    answer = invite(alice, acme, "dora@corp.test", X_Forwarded_For=f"{tor}, 93.184.216.34")
    assert codes_of(answer.json) == ["proxy_header"]


def test_programs_may_call_from_a_data_centre(world: World, alice: Caller, acme: str, data: Path) -> None:
    key = world.api_key(acme, alice, "admin")
    for address, found, _ in networks(data):
        if found == ["proxy_datacenter"]:
            assert codes_of(invite(key, acme, "dora@corp.test", X_Forwarded_For=address).json) == []
            return
