"""Invitations, as their account sees them."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from shared.clock import now
from shared.models import Contract, Invitation, Job, Membership
from shared.permissions import Role
from tests.web.conftest import Caller, World


def invite(who: Caller, account: str, email: str = "dora@corp.example", role: str = "developer", **more):
    return who.post(f"/v1/accounts/{account}/invitations", {"email": email, "role": role, **more})


def codes(answer) -> list[str]:
    return [reason["code"] for reason in answer.json["reasons"]]


def test_an_invitation_is_enqueued_with_the_job_that_checks_it(world: World, alice, acme):
    answer = invite(alice, acme, "Dora@Corp.Example", message="Welcome!", expires_in_hours=2)
    assert answer.status_code == 202
    shown = answer.json
    assert answer.headers["Location"] == f"/v1/accounts/{acme}/invitations/{shown['id']}"
    assert (shown["status"], shown["delivery"], shown["sent_count"]) == ("checking", "none", 0)
    assert shown["email"] == "Dora@Corp.Example"
    assert shown["invited_by"] == alice.id
    with world.sessions() as session:
        job = session.scalars(select(Job).where(Job.subject_id == shown["id"])).one()
        row = session.get_one(Invitation, shown["id"])
    assert (job.kind, job.state) == ("invitation.check", "queued")
    assert row.email_key == "dora@corp.example"
    assert row.expires_at - row.created_at == timedelta(hours=2)


@pytest.mark.parametrize(
    ("email", "code"),
    [
        ("dora@gmail.com", "domain_personal"),
        ("dora@mail.gmail.com", "domain_personal"),
        ("dora@mailinator.com", "domain_disposable"),
        ("dora@x.mailinator.com", "domain_disposable"),
        ("dora", "email_invalid"),
        ("dora@corp", "email_invalid"),
        ("dora@corp.example\r\nBcc: eve@corp.example", "email_invalid"),
        ("a" * 300 + "@corp.example", "email_invalid"),
        ("dıra@corp.example", "email_invalid"),
        ("alice@corp.example", "already_member"),
        ("ALICE@Corp.Example", "already_member"),
    ],
)
def test_an_address_that_can_not_be_invited_is_refused_with_its_reason(world, alice, acme, email, code):
    answer = invite(alice, acme, email)
    assert answer.status_code == 422
    assert answer.content_type == "application/problem+json"
    assert codes(answer) == [code]
    assert answer.json["code"] == code
    reason = answer.json["reasons"][0]
    assert reason["message"].endswith(".")
    assert reason["remedy"]
    assert reason["who"] in {"inviter", "account_owner"}
    with world.sessions() as session:
        assert session.scalars(select(Invitation)).all() == []


def test_no_one_is_invited_to_be_owner(alice, acme):
    assert codes(invite(alice, acme, role="owner")) == ["role_not_assignable"]


def test_the_same_address_is_invited_once_at_a_time(alice, acme):
    assert invite(alice, acme).status_code == 202
    assert codes(invite(alice, acme, "DORA@corp.example")) == ["already_invited"]


def test_tags_and_dots_make_another_address(alice, acme):
    assert invite(alice, acme).status_code == 202
    assert invite(alice, acme, "dora+x@corp.example").status_code == 202
    assert invite(alice, acme, "d.ora@corp.example").status_code == 202


TODAY = now().date()
YEAR = timedelta(days=365)


@pytest.mark.parametrize(
    ("amount", "currency", "starts", "ends", "expected"),
    [
        ("750.00", "USD", TODAY, TODAY + YEAR, []),
        ("749.99", "USD", TODAY, TODAY + YEAR, ["contract_below_minimum"]),
        ("5000.00", "EUR", TODAY, TODAY + YEAR, ["contract_other_currency"]),
        ("1000.00", "USD", TODAY, TODAY + timedelta(days=300), ["contract_not_annual"]),
        ("1000.00", "USD", TODAY - 2 * YEAR, TODAY - timedelta(days=1), ["contract_ended"]),
        ("1000.00", "USD", TODAY - 2 * YEAR, TODAY, []),
        ("1000.00", "USD", TODAY + timedelta(days=1), TODAY + 2 * YEAR, ["contract_not_started"]),
        (
            "10.00",
            "USD",
            TODAY - timedelta(days=9),
            TODAY - timedelta(days=1),
            ["contract_below_minimum", "contract_not_annual", "contract_ended"],
        ),
    ],
)
def test_only_an_annual_commitment_in_force_may_invite(
    world, alice, operator, amount, currency, starts, ends, expected
):
    acme = world.account(alice, contract=False)
    assert codes(invite(alice, acme)) == ["contract_missing"]
    terms = {
        "monthly_commitment": {"amount": amount, "currency": currency},
        "starts_on": starts.isoformat(),
        "ends_on": ends.isoformat(),
    }
    assert operator.put(f"/v1/accounts/{acme}/contract", terms).json == terms
    answer = alice.get(f"/v1/accounts/{acme}/eligibility").json
    assert answer["eligible"] is not bool(expected)
    assert [reason["code"] for reason in answer["reasons"]] == expected
    assert answer["contract"] == terms
    invited = invite(alice, acme)
    assert invited.status_code == (422 if expected else 202)
    if expected:
        assert codes(invited) == expected


def test_a_member_without_the_permission_learns_which_one_is_missing(world, bob, acme):
    world.join(acme, bob, Role.DEVELOPER)
    answer = invite(bob, acme)
    assert (answer.status_code, answer.json["code"], answer.json["permission"]) == (
        403,
        "permission_denied",
        "team:edit",
    )
    assert bob.get(f"/v1/accounts/{acme}/invitations").status_code == 200


def test_a_stranger_sees_nothing(alice, charlie, acme, world):
    invitation = world.invited(acme, alice, "dora@corp.example")
    path = f"/v1/accounts/{acme}/invitations"
    assert invite(charlie, acme).status_code == 404
    for answer in [
        charlie.get(path),
        charlie.get(f"{path}/{invitation}"),
        charlie.post(f"{path}/{invitation}/revoke"),
        charlie.get(f"/v1/accounts/{acme}"),
        charlie.get("/v1/accounts/acc_00000000000000000000000000"),
    ]:
        assert (answer.status_code, answer.json["code"]) == (404, "not_found")


def test_another_accounts_invitation_is_not_found_through_ones_own(world, alice, charlie, acme):
    invitation = world.invited(acme, alice, "dora@corp.example")
    other = world.account(charlie, "Other")
    path = f"/v1/accounts/{other}/invitations/{invitation}"
    assert charlie.get(path).status_code == 404
    assert charlie.get(f"{path}/events").status_code == 404
    assert charlie.post(f"{path}/revoke").status_code == 404
    assert charlie.post(f"{path}/resend").status_code == 404


def test_the_timeline_tells_what_happened_in_order(world, alice, acme):
    invitation = world.invited(acme, alice, "dora@corp.example")
    alice.post(f"/v1/accounts/{acme}/invitations/{invitation}/revoke")
    events = alice.get(f"/v1/accounts/{acme}/invitations/{invitation}/events").json["data"]
    assert [event["action"] for event in events] == [
        "invitation.created",
        "invitation.checked",
        "invitation.revoked",
    ]
    assert events[0]["actor"] == {"kind": "user", "id": alice.id}
    assert events[1]["actor"]["kind"] == "system"


def test_a_list_is_read_page_by_page_the_newest_first(alice, acme):
    made = [invite(alice, acme, f"dora{n}@corp.example").json["id"] for n in range(5)]
    path, seen, cursor = f"/v1/accounts/{acme}/invitations?limit=2", [], ""
    while cursor is not None:
        page = alice.get(path + (f"&cursor={cursor}" if cursor else "")).json
        seen += [row["id"] for row in page["data"]]
        cursor = page["next_cursor"]
    assert seen == sorted(made, reverse=True)


def test_a_list_is_narrowed_by_status_and_part_of_the_address(world, alice, acme):
    world.invited(acme, alice, "dora@corp.example")
    invite(alice, acme, "emil@corp.example")
    path = f"/v1/accounts/{acme}/invitations"
    assert [row["email"] for row in alice.get(f"{path}?status=pending").json["data"]] == ["dora@corp.example"]
    assert [row["email"] for row in alice.get(f"{path}?q=EMIL").json["data"]] == ["emil@corp.example"]
    assert alice.get(f"{path}?q=%25").json["data"] == []
    assert [row["email"] for row in alice.get(f"{path}?delivery=queued").json["data"]] == ["dora@corp.example"]
    for wrong in ("status=lost", "limit=0", "limit=201", "limit=x", "cursor=%C3%A9", "colour=red"):
        assert alice.get(f"{path}?{wrong}").status_code == 422, wrong


def test_a_resend_waits_for_the_cool_down_then_kills_the_older_link(world, alice, nobody, acme):
    invitation = world.invited(acme, alice, "dora@corp.example")
    first = world.token(invitation)
    path = f"/v1/accounts/{acme}/invitations/{invitation}"
    early = alice.post(f"{path}/resend")
    assert (early.status_code, early.json["code"]) == (429, "resend_too_soon")
    assert 1 <= int(early.headers["Retry-After"]) <= 61
    world.change(Invitation, invitation, resendable_at=world.at(invitation))
    answer = alice.post(f"{path}/resend")
    assert (answer.status_code, answer.json["status"]) == (202, "checking")
    world.check(invitation)
    second = world.token(invitation)
    assert second != first
    dead = nobody.post("/v1/invitations/inspect", {"token": first})
    assert (dead.status_code, dead.json["code"]) == (410, "link_superseded")
    assert nobody.post("/v1/invitations/inspect", {"token": second}).status_code == 200


def test_a_resend_brings_an_expired_invitation_back_to_life(world, alice, nobody, acme):
    invitation = world.invited(acme, alice, "dora@corp.example")
    past = world.at(invitation) - timedelta(days=9)
    world.change(Invitation, invitation, status="expired", expires_at=past, resendable_at=past, ended_at=past)
    assert alice.post(f"/v1/accounts/{acme}/invitations/{invitation}/resend").status_code == 202
    world.check(invitation)
    assert nobody.post("/v1/invitations/inspect", {"token": world.token(invitation)}).status_code == 200


def test_an_expired_invitation_can_not_come_back_beside_an_open_one(world, alice, acme):
    invitation = world.invited(acme, alice, "dora@corp.example")
    past = world.at(invitation) - timedelta(days=9)
    world.change(Invitation, invitation, status="expired", expires_at=past, resendable_at=past)
    assert invite(alice, acme).status_code == 202
    assert codes(alice.post(f"/v1/accounts/{acme}/invitations/{invitation}/resend")) == ["already_invited"]


def test_a_revoked_invitation_is_over(world, alice, nobody, acme):
    invitation = world.invited(acme, alice, "dora@corp.example")
    path = f"/v1/accounts/{acme}/invitations/{invitation}"
    assert alice.post(f"{path}/revoke").json["status"] == "revoked"
    for call in (f"{path}/revoke", f"{path}/resend"):
        again = alice.post(call)
        assert (again.status_code, again.json["code"]) == (409, "invitation_closed")
    dead = nobody.post("/v1/invitations/inspect", {"token": world.token(invitation)})
    assert (dead.status_code, dead.json["code"]) == (410, "invitation_closed")
    assert invite(alice, acme).status_code == 202


def test_the_workers_own_look_stops_what_has_changed_since(world, alice, acme):
    invitation = invite(alice, acme).json["id"]
    world.change(Contract, acme, amount=10)
    world.check(invitation)
    shown = alice.get(f"/v1/accounts/{acme}/invitations/{invitation}").json
    assert (shown["status"], shown["delivery"]) == ("blocked", "none")
    denied = [check for check in shown["checks"] if check["verdict"] == "deny"]
    assert [check["check"] for check in denied] == ["eligibility"]
    assert denied[0]["reasons"][0]["code"] == "contract_below_minimum"


def test_the_same_request_twice_under_one_key_invites_once(world, alice, acme):
    body = {"email": "dora@corp.example", "role": "developer"}
    path = f"/v1/accounts/{acme}/invitations"
    first = alice.post(path, body, Idempotency_Key="k1")
    again = alice.post(path, body, Idempotency_Key="k1")
    assert first.status_code == again.status_code == 202
    assert again.data == first.data
    assert again.headers["Location"] == first.headers["Location"]
    other = alice.post(path, {**body, "role": "support"}, Idempotency_Key="k1")
    assert (other.status_code, other.json["code"]) == (409, "idempotency_conflict")


def test_a_refused_request_does_not_use_up_its_key(world, alice, acme):
    path = f"/v1/accounts/{acme}/invitations"
    body = {"email": "dora@corp.example", "role": "developer"}
    world.change(Contract, acme, amount=10)
    assert alice.post(path, body, Idempotency_Key="k1").status_code == 422
    world.change(Contract, acme, amount=1000)
    assert alice.post(path, body, Idempotency_Key="k1").status_code == 202


def test_a_program_invites_with_a_key_and_its_creator_answers_for_it(world, alice, acme):
    key = world.api_key(acme, alice, Role.ADMIN)
    answer = invite(key, acme)
    assert answer.status_code == 202
    assert answer.json["invited_by"] == alice.id
    weak = world.api_key(acme, alice, Role.DEVELOPER)
    assert invite(weak, acme, "emil@corp.example").json["permission"] == "team:edit"


def test_a_key_is_never_stronger_than_its_creator_is_now(world, alice, bob, acme):
    place = world.join(acme, bob, Role.ADMIN)
    key = world.api_key(acme, bob, Role.ADMIN)
    assert invite(key, acme).status_code == 202
    world.change(Membership, place, role="support")
    assert invite(key, acme, "emil@corp.example").status_code == 403
    with world.sessions() as session, session.begin():
        session.delete(session.get_one(Membership, place))
    assert invite(key, acme, "emil@corp.example").status_code == 401


def test_who_may_invite_sees_the_members(world, alice, bob, acme):
    world.join(acme, bob, Role.SUPPORT)
    shown = alice.get(f"/v1/accounts/{acme}/members").json["data"]
    assert [(row["user"]["email"], row["role"]) for row in shown] == [
        ("alice@corp.example", "owner"),
        ("bob@corp.example", "support"),
    ]
    assert len(alice.get(f"/v1/accounts/{acme}/members?role=support&q=BOB").json["data"]) == 1
    assert alice.get(f"/v1/accounts/{acme}/members?q=charlie").json["data"] == []


@pytest.mark.parametrize("email", ["dora@почта.example", "\u0430\u0441\u0430@corp.example"])
def test_an_address_in_look_alike_characters_is_shown_with_a_hint(alice, acme, email):
    tried = alice.post(f"/v1/accounts/{acme}/invitations/check", {"email": email, "role": "support"}).json
    assert [reason["code"] for reason in tried["reasons"]] == ["address_lookalike"]


def test_the_team_shows_a_domain_in_other_characters_in_plain_ones_too(world, alice, acme):
    world.invited(acme, alice, "dora@bücher.example")
    browser = world.app.test_client()
    browser.set_cookie("usher", alice.token)
    assert "<code>xn--bcher-kva.example</code>" in browser.get(f"/accounts/{acme}/team").text
