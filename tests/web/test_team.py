"""Role changes, removal, leaving, and their effects on invitations and keys; accounts and the default account."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select

from shared.clock import now, rfc3339
from shared.models import ApiKey, Contract, Invitation, Membership
from shared.permissions import Role
from tests.web.conftest import Caller, World


def status(who: Caller, account: str, invitation: str) -> str:
    return who.get(f"/v1/accounts/{account}/invitations/{invitation}").json["status"]


def test_a_role_counts_from_the_moment_of_its_change(world: World, alice, bob, acme):
    place = world.join(acme, bob, Role.ADMIN)
    changed = alice.patch(f"/v1/accounts/{acme}/members/{place}", {"role": "finance_analyst"})
    assert (changed.status_code, changed.json["role"]) == (200, "finance_analyst")
    assert bob.get(f"/v1/accounts/{acme}/members").json["permission"] == "team:view"


def test_no_one_changes_their_own_role_and_no_one_the_owners(world, alice, bob, acme):
    place = world.join(acme, bob, Role.ADMIN)
    (owners,) = [row["id"] for row in alice.get(f"/v1/accounts/{acme}/members?role=owner").json["data"]]
    path = f"/v1/accounts/{acme}/members"
    assert bob.patch(f"{path}/{place}", {"role": "support"}).json["code"] == "own_role"
    assert bob.patch(f"{path}/{owners}", {"role": "support"}).json["code"] == "owner_immutable"
    assert bob.delete(f"{path}/{owners}").json["code"] == "owner_immutable"
    assert alice.delete(f"{path}/{owners}").json["code"] == "owner_immutable"
    assert alice.patch(f"{path}/{place}", {"role": "owner"}).json["code"] == "role_not_assignable"


def test_a_removed_member_is_out_at_once_with_their_keys(world, alice, bob, acme):
    place = world.join(acme, bob, Role.ADMIN)
    key = world.api_key(acme, bob, Role.ADMIN)
    assert key.get(f"/v1/accounts/{acme}").status_code == 200
    preview = alice.get(f"/v1/accounts/{acme}/members/{place}/removal-preview").json
    assert [row["id"] for row in preview["api_keys"]] == [key.id]
    assert alice.delete(f"/v1/accounts/{acme}/members/{place}").status_code == 204
    assert bob.get(f"/v1/accounts/{acme}").status_code == 404
    assert key.get(f"/v1/accounts/{acme}").status_code == 401
    assert alice.delete(f"/v1/accounts/{acme}/members/{place}").status_code == 404
    world.join(acme, bob, Role.ADMIN)
    assert key.get(f"/v1/accounts/{acme}").status_code == 401


def test_what_a_removed_member_invited_is_held_until_another_member_takes_it_over(world, alice, bob, acme):
    place = world.join(acme, bob, Role.ADMIN)
    dora = world.person("dora@corp.example")
    invitation = world.invited(acme, bob, dora.email)
    token = world.token(invitation)
    alice.delete(f"/v1/accounts/{acme}/members/{place}")
    shown = alice.get(f"/v1/accounts/{acme}/invitations/{invitation}").json
    assert shown["status"] == "held"
    assert shown["checks"][-1]["check"] == "inviter"
    assert shown["checks"][-1]["reasons"][0]["code"] == "inviter_gone"
    assert dora.post("/v1/invitations/accept", {"token": token}).status_code == 410


def test_a_demoted_member_keeps_no_invitation_they_could_not_give(world, alice, bob, acme):
    place = world.join(acme, bob, Role.ADMIN)
    by_bob = world.invited(acme, bob, "dora@corp.example")
    by_key = world.invited(acme, world.api_key(acme, bob, Role.ADMIN), "emil@corp.example")
    by_alice = world.invited(acme, alice, "finn@corp.example")
    alice.patch(f"/v1/accounts/{acme}/members/{place}", {"role": "developer"})
    assert [status(alice, acme, each) for each in (by_bob, by_key, by_alice)] == ["held", "held", "pending"]


def test_a_member_leaves_and_the_account_is_their_landing_no_more(world, alice, bob, acme):
    place = world.join(acme, bob, Role.FINANCE_ANALYST)
    own = world.account(bob, "Bob's")
    bob.patch("/v1/me", {"default_account_id": acme})
    mine = bob.get("/v1/me/accounts").json["data"]
    assert [(row["account"]["id"], row["is_default"]) for row in mine] == [(acme, True), (own, False)]
    assert mine[0]["membership_id"] == place
    assert bob.delete(f"/v1/accounts/{acme}/members/{place}").status_code == 204
    assert bob.get("/v1/me").json["default_account_id"] is None
    assert [row["is_default"] for row in bob.get("/v1/me/accounts").json["data"]] == [True]
    assert bob.get(f"/v1/accounts/{acme}").status_code == 404


def test_a_key_does_not_remove_its_creator(world, alice, bob, acme):
    place = world.join(acme, bob, Role.ADMIN)
    key = world.api_key(acme, bob, Role.ADMIN)
    assert key.delete(f"/v1/accounts/{acme}/members/{place}").json["code"] == "own_role"
    assert key.patch(f"/v1/accounts/{acme}/members/{place}", {"role": "support"}).json["code"] == "own_role"


def test_without_a_default_one_lands_where_one_was_last(world, alice, bob, acme):
    other = world.account(bob, "Other")
    place = world.join(acme, bob, Role.SUPPORT)
    bob.get(f"/v1/accounts/{other}")
    assert [row["is_default"] for row in bob.get("/v1/me/accounts").json["data"]] == [False, True]
    bob.get(f"/v1/accounts/{acme}")
    world.change(Membership, place, last_seen_at=func.now() + timedelta(seconds=1))
    assert [row["is_default"] for row in bob.get("/v1/me/accounts").json["data"]] == [True, False]


def test_the_offer_of_an_open_invitation_changes_and_acceptance_takes_the_newest(world, alice, bob, acme):
    invitation = world.invited(acme, alice, bob.email, Role.ADMIN)
    path = f"/v1/accounts/{acme}/invitations/{invitation}"
    assert alice.patch(path, {"role": "support"}).json["role"] == "support"
    assert alice.patch(path, {"role": "owner"}).json["code"] == "role_not_assignable"
    accepted = bob.post("/v1/invitations/accept", {"token": world.token(invitation)})
    assert accepted.json["membership"]["role"] == "support"
    late = alice.patch(path, {"role": "admin"})
    assert (late.status_code, late.json["code"]) == (409, "invitation_closed")


def test_invitations_wait_for_a_verified_address_and_are_accepted_without_the_email(world, alice, bob, charlie, acme):
    invitation = world.invited(acme, alice, bob.email)
    (waiting,) = bob.get("/v1/me/invitations").json["data"]
    assert (waiting["id"], waiting["account"], waiting["role"]) == (invitation, {"name": "Acme"}, "developer")
    assert charlie.get("/v1/me/invitations").json["data"] == []
    path = f"/v1/me/invitations/{invitation}"
    assert charlie.post(f"{path}/accept").status_code == 404
    assert charlie.post(f"{path}/decline", {}).status_code == 404
    first = bob.post(f"{path}/accept")
    assert (first.status_code, first.json["membership"]["account"]["id"]) == (200, acme)
    assert bob.post(f"{path}/accept").json == first.json
    assert bob.get("/v1/me/invitations").json["data"] == []
    assert bob.post(f"{path}/decline", {}).status_code == 410


def test_an_unverified_address_sees_no_invitations(world, alice, acme):
    dora = world.person("dora@corp.example", proven=False)
    invitation = world.invited(acme, alice, dora.email)
    assert dora.get("/v1/me/invitations").json["data"] == []
    assert dora.post(f"/v1/me/invitations/{invitation}/accept").status_code == 404


def test_an_account_may_let_invitations_through_though_its_contract_lapsed(world, alice, bob, acme):
    invitation = world.invited(acme, alice, bob.email)
    world.change(Contract, acme, amount=10)
    path = f"/v1/me/invitations/{invitation}/accept"
    assert bob.post(path).json["code"] == "contract_below_minimum"
    assert alice.patch(f"/v1/accounts/{acme}", {"lapsed_contract": "allow"}).json["lapsed_contract"] == "allow"
    assert bob.post(path).status_code == 200


def test_an_account_says_how_long_its_invitations_last(world, alice, acme):
    def lasts(email: str, **more) -> timedelta:
        invitation = alice.get(f"/v1/accounts/{acme}/invitations/{world.invited(acme, alice, email, **more)}").json
        return datetime.fromisoformat(invitation["expires_at"]) - datetime.fromisoformat(invitation["created_at"])

    account = f"/v1/accounts/{acme}"
    assert alice.get(account).json["invitation_hours"] is None
    assert lasts("bob@corp.example") == world.settings.invitation_ttl
    assert alice.patch(account, {"invitation_hours": 48}).json["invitation_hours"] == 48
    assert lasts("carol@corp.example") == timedelta(hours=48)
    assert lasts("dora@corp.example", expires_in_hours=3) == timedelta(hours=3)
    assert alice.patch(account, {"name": "Acme Europe"}).json["invitation_hours"] == 48
    assert alice.patch(account, {"invitation_hours": None}).json["invitation_hours"] is None
    assert lasts("emil@corp.example") == world.settings.invitation_ttl
    events = alice.get(f"{account}/audit-events?action=account.changed").json["data"]
    assert [(event["data"]["before"], event["data"]["after"]) for event in events] == [
        ({"invitation_hours": None}, {"invitation_hours": 48}),
        ({"name": "Acme"}, {"name": "Acme Europe"}),
        ({"invitation_hours": 48}, {"invitation_hours": None}),
    ]


@pytest.mark.parametrize("hours", [0, 721, "", "long", 1.5])
def test_invitations_last_from_an_hour_to_thirty_days(alice, acme, hours):
    answer = alice.patch(f"/v1/accounts/{acme}", {"invitation_hours": hours})
    assert (answer.status_code, [each["field"] for each in answer.json["errors"]]) == (422, ["invitation_hours"])
    assert alice.get(f"/v1/accounts/{acme}").json["invitation_hours"] is None


def test_an_invitation_sent_again_keeps_its_own_lifetime(world, alice, acme):
    invitation = world.invited(acme, alice, "bob@corp.example", expires_in_hours=3)
    assert alice.patch(f"/v1/accounts/{acme}", {"invitation_hours": 48}).status_code == 200
    world.change(Invitation, invitation, resendable_at=func.now())
    again = alice.post(f"/v1/accounts/{acme}/invitations/{invitation}/resend").json
    assert datetime.fromisoformat(again["expires_at"]) < now() + timedelta(hours=3, minutes=1)


def test_a_key_is_shown_once_and_known_by_how_it_begins(world, alice, acme):
    made = alice.post(f"/v1/accounts/{acme}/api-keys", {"name": "deployment", "role": "developer"}).json
    program = Caller(world.app.test_client(), made["key"])
    assert program.get(f"/v1/accounts/{acme}").status_code == 200
    (shown,) = alice.get(f"/v1/accounts/{acme}/api-keys").json["data"]
    assert made["key"].startswith(shown["hint"])
    assert "key" not in shown
    assert shown["last_used_at"] is not None
    assert (shown["created_by"], shown["revoked_at"]) == (alice.id, None)
    for _ in range(2):
        assert alice.delete(f"/v1/accounts/{acme}/api-keys/{shown['id']}").status_code == 204
    assert program.get(f"/v1/accounts/{acme}").status_code == 401


def test_a_key_is_kept_in_no_row_even_under_an_idempotency_key(world, alice, acme):
    body = {"name": "deployment", "role": "developer"}
    made = alice.post(f"/v1/accounts/{acme}/api-keys", body, Idempotency_Key="one").json
    again = alice.post(f"/v1/accounts/{acme}/api-keys", body, Idempotency_Key="one").json
    assert made["key"] != again["key"]


def test_a_key_can_do_no_more_than_its_maker_nor_ever_after(world, alice, bob, acme):
    place = world.join(acme, bob, Role.DEVELOPER)
    path = f"/v1/accounts/{acme}/api-keys"
    for role, good in [("owner", 422), ("admin", 422), ("support", 422), ("finance_analyst", 422), ("developer", 201)]:
        made = bob.post(path, {"name": "x", "role": role})
        assert made.status_code == good, role
    program = Caller(world.app.test_client(), made.json["key"])
    assert program.get(path).status_code == 200
    alice.patch(f"/v1/accounts/{acme}/members/{place}", {"role": "support"})
    assert program.get(path).json["permission"] == "credentials:view"


def test_a_key_creates_and_revokes_no_keys(world, alice, acme):
    """A key that could would outlive its own revocation under another name."""
    path = f"/v1/accounts/{acme}/api-keys"
    key, other = world.api_key(acme, alice, Role.OWNER), world.api_key(acme, alice, Role.SUPPORT)
    for answer in (
        key.post(path, {"name": "a second life", "role": "support"}),
        key.delete(f"{path}/{other.id}"),
        key.delete(f"{path}/{key.id}"),
    ):
        assert (answer.status_code, answer.json["code"]) == (403, "credential_not_allowed")
        assert "Sign in as a person" in answer.json["remedy"]
    assert key.get(path).status_code == 200
    with world.sessions() as session:
        assert [row.revoked_at for row in session.scalars(select(ApiKey))] == [None, None]


def test_a_key_above_ones_role_can_only_be_revoked_by_its_creator(world, alice, bob, acme):
    place = world.join(acme, bob, Role.ADMIN)
    path = f"/v1/accounts/{acme}/api-keys"
    owners, admins = world.api_key(acme, alice, Role.OWNER), world.api_key(acme, alice, Role.ADMIN)
    own = world.api_key(acme, bob, Role.ADMIN)
    refused = bob.delete(f"{path}/{owners.id}")
    assert (refused.status_code, refused.json["code"]) == (403, "permission_denied")
    assert refused.json["permission"] == "account:edit"
    assert owners.get(path).status_code == 200
    assert bob.delete(f"{path}/{admins.id}").status_code == 204
    alice.patch(f"/v1/accounts/{acme}/members/{place}", {"role": "developer"})
    assert bob.delete(f"{path}/{own.id}").status_code == 204
    assert alice.delete(f"{path}/{owners.id}").status_code == 204


def test_a_valid_key_of_the_wrong_kind_gets_403(world, alice, operator, acme):
    for who in (world.api_key(acme, alice, Role.OWNER), operator):
        answer = who.get("/v1/me")
        assert (answer.status_code, answer.json["code"]) == (403, "credential_not_allowed")
    assert Caller(world.app.test_client(), "ushk_" + "x" * 43).get("/v1/me").status_code == 401


def test_a_key_expires_on_its_date(world, alice, acme):
    path = f"/v1/accounts/{acme}/api-keys"
    past = {"name": "x", "role": "support", "expires_at": rfc3339(now() - timedelta(minutes=1))}
    assert alice.post(path, past).status_code == 422
    made = alice.post(path, past | {"expires_at": rfc3339(now() + timedelta(minutes=1))}).json
    program = Caller(world.app.test_client(), made["key"])
    assert program.get(f"/v1/accounts/{acme}").status_code == 200
    world.change(ApiKey, made["id"], expires_at=func.now())
    assert program.get(f"/v1/accounts/{acme}").status_code == 401


def test_what_a_revoked_key_invited_is_held_until_another_member_resends_it(world, alice, acme):
    key = world.api_key(acme, alice, Role.ADMIN)
    invitation = world.invited(acme, key, "dora@corp.example")
    other = world.invited(acme, key, "emil@corp.example")
    world.change(ApiKey, key.id, expires_at=func.now())
    world.change(Invitation, other, resendable_at=func.now())
    resent = alice.post(f"/v1/accounts/{acme}/invitations/{other}/resend")
    assert resent.status_code == 202
    world.check(other)
    alice.delete(f"/v1/accounts/{acme}/api-keys/{key.id}")
    assert [status(alice, acme, each) for each in (invitation, other)] == ["held", "pending"]


def test_members_are_found_by_the_beginnings_of_words(world, alice, acme):
    for name in ("dora.diaz", "emil.d"):
        world.join(acme, world.person(f"{name}@corp.example"), Role.SUPPORT)

    def found(q: str) -> list[str]:
        rows = alice.get(f"/v1/accounts/{acme}/members?q={q}").json["data"]
        return [row["user"]["email"].partition("@")[0] for row in rows]

    assert found("dora") == found("DIA") == found("dora.diaz@corp.example") == ["dora.diaz"]
    assert found("d") == ["dora.diaz", "emil.d"]
    assert found("ora") == found("'%26!:*") == []
