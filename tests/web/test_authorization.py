"""Authorization checks: the answer and the reason."""

from shared.models import Membership
from shared.permissions import PERMISSIONS_OF, Permission, Role
from tests.web.conftest import Caller, World, let_go
from web.app import create_app


def ask(who, account: str, user: str, permission: str = "settings:edit"):
    return who.post("/v1/check", {"account_id": account, "user_id": user, "permission": permission})


def test_the_answer_tells_the_role_and_the_ground(world: World, alice, bob, acme):
    world.join(acme, bob, Role.SUPPORT)
    key = world.api_key(acme, alice, Role.SUPPORT)
    assert ask(key, acme, bob.id).json == {
        "allowed": True,
        "role": "support",
        "because": "The role support has settings:edit.",
    }
    assert ask(key, acme, bob.id, "team:edit").json == {
        "allowed": False,
        "role": "support",
        "because": "The role support does not have team:edit.",
    }


def test_an_unknown_user_and_a_stranger_are_answered_alike(world, alice, charlie, acme):
    key = world.api_key(acme, alice, Role.OWNER)
    unknown = ask(key, acme, "usr_unknown")
    assert unknown.json == {"allowed": False, "role": None, "because": "The user is not a member of the account."}
    assert ask(key, acme, charlie.id).json == unknown.json


def test_a_key_asks_about_its_own_account_and_the_operator_about_any(world, alice, bob, charlie, operator, acme):
    other = world.account(charlie, "Other")
    key = world.api_key(acme, alice, Role.OWNER)
    assert ask(key, other, charlie.id).status_code == 404
    assert ask(operator, other, charlie.id).json["role"] == "owner"
    assert ask(operator, "acc_unknown", charlie.id).json["allowed"] is False
    assert ask(alice, acme, alice.id).json["permission"] == "program"
    mixed = [{"account_id": account, "user_id": charlie.id, "permission": "team:view"} for account in (acme, other)]
    assert key.post("/v1/check", {"checks": mixed}).status_code == 404
    assert [row["role"] for row in operator.post("/v1/check", {"checks": mixed}).json["results"]] == [None, "owner"]


def test_many_are_answered_in_their_order(world, alice, acme):
    people = {role: world.person(f"{role}@corp.example") for role in Role if role is not Role.OWNER}
    for role, person in people.items():
        world.join(acme, person, role)
    asked = [(role, permission) for permission in Permission for role in people]
    checks = [{"account_id": acme, "user_id": people[r].id, "permission": p} for r, p in asked]
    answers = world.api_key(acme, alice, Role.SUPPORT).post("/v1/check", {"checks": checks}).json["results"]
    assert [answer["allowed"] for answer in answers] == [p in PERMISSIONS_OF[r] for r, p in asked]


def test_a_question_that_can_not_be_understood_names_the_field(operator, acme):
    one = {"account_id": acme, "user_id": "usr_x", "permission": "team:view"}
    for body in (
        {},
        one | {"permission": "team:own"},
        one | {"checks": [one]},
        {"checks": [one | {"more": 1}]},
        {"checks": [one] * 1001},
    ):
        assert operator.post("/v1/check", body).status_code == 422
    assert operator.post("/v1/check", {"checks": []}).json == {"results": []}


def test_a_removed_member_is_a_stranger_in_the_next_answer(world, alice, bob, acme):
    place = world.join(acme, bob, Role.ADMIN)
    key = world.api_key(acme, alice, Role.SUPPORT)
    assert ask(key, acme, bob.id).json["allowed"] is True
    world.change(Membership, place, role="finance_analyst")
    assert ask(key, acme, bob.id).json["allowed"] is False
    alice.delete(f"/v1/accounts/{acme}/members/{place}")
    assert ask(key, acme, bob.id).json["role"] is None


def test_an_operator_key_that_looks_like_an_api_key_is_the_operators(settings, acme, alice):
    app = create_app(settings.model_copy(update={"operator_key": "ushk_" + "o" * 40}))
    operator = Caller(app.test_client(), "ushk_" + "o" * 40)

    assert ask(operator, acme, alice.id).json["role"] == "owner"
    let_go(app)


def test_a_thousand_questions_fit_into_one_request(world, alice, acme):
    question = {"account_id": acme, "user_id": alice.id, "permission": "phone_numbers:view"}
    answer = world.api_key(acme, alice, Role.SUPPORT).post("/v1/check", {"checks": [question] * 1000})
    assert (answer.status_code, len(answer.json["results"])) == (200, 1000)
