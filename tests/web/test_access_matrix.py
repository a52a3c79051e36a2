"""Every call by every kind of caller: access is compared with the table here. A new call needs a row."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count

import pytest
from flask import Flask
from sqlalchemy import select

from shared.models import Base, Job
from shared.permissions import PERMISSIONS_OF, Role
from tests.web.conftest import Caller, World

PUBLIC, SIGNED_IN, AUTHENTICATED = "public", "signed_in", "authenticated"
MEMBER, PROGRAM, OPERATOR, MAIL_SYSTEM = "member", "program", "operator", "mail_system"

OR_OPERATOR = "operator or "
OF_A_PERSON = "person with "

# The required access: a permission in the account of the path, or one of the words above.
TABLE = {
    "POST /v1/users": PUBLIC,
    "POST /v1/users/verify": PUBLIC,
    "POST /v1/users/verify/resend": PUBLIC,
    "POST /v1/password-resets": PUBLIC,
    "POST /v1/password-resets/confirm": PUBLIC,
    "POST /v1/sessions": PUBLIC,
    "POST /v1/invitations/inspect": PUBLIC,
    "POST /v1/invitations/accept": PUBLIC,
    "POST /v1/invitations/decline": PUBLIC,
    "POST /v1/invitations/request-new": PUBLIC,
    "POST /v1/mail-events": MAIL_SYSTEM,
    "GET /v1/me": SIGNED_IN,
    "PATCH /v1/me": SIGNED_IN,
    "GET /v1/me/accounts": SIGNED_IN,
    "GET /v1/me/failed-sign-ins": SIGNED_IN,
    "PUT /v1/me/password": SIGNED_IN,
    "GET /v1/me/invitations": SIGNED_IN,
    "POST /v1/me/invitations/<invitation_id>/accept": SIGNED_IN,
    "POST /v1/me/invitations/<invitation_id>/decline": SIGNED_IN,
    "POST /v1/accounts": SIGNED_IN,
    "GET /v1/roles": AUTHENTICATED,
    "POST /v1/check": PROGRAM,
    "GET /v1/accounts/<account_id>": MEMBER,
    "PATCH /v1/accounts/<account_id>": "account:edit",
    "GET /v1/accounts/<account_id>/eligibility": "team:view",
    "PUT /v1/accounts/<account_id>/contract": OPERATOR,
    "GET /v1/accounts/<account_id>/limits": OR_OPERATOR + "team:view",
    "PUT /v1/accounts/<account_id>/limits": OPERATOR,
    "GET /v1/abuse-reports": OPERATOR,
    "POST /v1/accounts/<account_id>/abuse-reports/decide": OPERATOR,
    "GET /v1/accounts/<account_id>/members": "team:view",
    "PATCH /v1/accounts/<account_id>/members/<member_id>": "team:edit",
    "DELETE /v1/accounts/<account_id>/members/<member_id>": "team:edit",
    "GET /v1/accounts/<account_id>/members/<member_id>/removal-preview": "team:edit",
    "POST /v1/accounts/<account_id>/invitations": "team:edit",
    "GET /v1/accounts/<account_id>/invitations": "team:view",
    "GET /v1/accounts/<account_id>/invitations/<invitation_id>": "team:view",
    "PATCH /v1/accounts/<account_id>/invitations/<invitation_id>": "team:edit",
    "GET /v1/accounts/<account_id>/invitations/<invitation_id>/events": "team:view",
    "POST /v1/accounts/<account_id>/invitations/batch": "team:edit",
    "POST /v1/accounts/<account_id>/invitations/import": "team:edit",
    "POST /v1/accounts/<account_id>/invitations/<invitation_id>/resend": "team:edit",
    "POST /v1/accounts/<account_id>/invitations/<invitation_id>/revoke": "team:edit",
    "POST /v1/accounts/<account_id>/invitations/check": "team:edit",
    "POST /v1/accounts/<account_id>/invitations/<invitation_id>/release": OR_OPERATOR + "team:edit",
    "POST /v1/accounts/<account_id>/invitations/<invitation_id>/refuse": OR_OPERATOR + "team:edit",
    "GET /v1/accounts/<account_id>/exceptions": OR_OPERATOR + "team:view",
    "POST /v1/accounts/<account_id>/exceptions": OR_OPERATOR + "team:edit",
    "DELETE /v1/accounts/<account_id>/exceptions/<exception_id>": OR_OPERATOR + "team:edit",
    "GET /v1/exceptions": OPERATOR,
    "POST /v1/exceptions": OPERATOR,
    "DELETE /v1/exceptions/<exception_id>": OPERATOR,
    "POST /v1/accounts/<account_id>/api-keys": OF_A_PERSON + "credentials:edit",
    "GET /v1/accounts/<account_id>/api-keys": "credentials:view",
    "DELETE /v1/accounts/<account_id>/api-keys/<key_id>": OF_A_PERSON + "credentials:edit",
    "GET /v1/accounts/<account_id>/audit-events": "audit:view",
    "GET /v1/accounts/<account_id>/audit-events.csv": "audit:view",
    "GET /v1/accounts/<account_id>/jobs": "audit:view",
    "GET /v1/accounts/<account_id>/jobs/summary": "audit:view",
    "GET /v1/accounts/<account_id>/jobs/<job_id>": "audit:view",
    "GET /v1/jobs": OPERATOR,
    "GET /v1/jobs/summary": OPERATOR,
    "GET /v1/jobs/<job_id>": OPERATOR,
    "POST /v1/jobs/<job_id>/retry": OPERATOR,
    "POST /v1/jobs/<job_id>/cancel": OPERATOR,
    # The last call, since no one is signed in after it.
    "DELETE /v1/sessions/current": SIGNED_IN,
}


@dataclass
class Who:
    """A caller's name, role in the account, and kind: a person or a key."""

    name: str
    caller: Caller
    kind: str
    role: Role | None = None


def calls(app: Flask) -> list[str]:
    return [
        f"{method} {rule.rule}"
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.rule.startswith("/v1/")
    ]


def everybody(world: World, account: str, owner: Caller) -> list[Who]:
    people = [Who("owner", owner, "user", Role.OWNER)]
    for role in set(Role) - {Role.OWNER}:
        person = world.person(f"{role}@corp.example")
        world.join(account, person, role)
        people.append(Who(role, person, "user", role))
    keys = [Who(f"key of a {role}", world.api_key(account, owner, role), "key", role) for role in Role]
    other = world.person("other@other.example")
    others = world.account(other, "Other")
    return [
        *people,
        *keys,
        Who("stranger", world.person("stranger@other.example"), "user"),
        Who("another account's owner", other, "user"),
        Who("another account's key", world.api_key(others, other, Role.OWNER), "key"),
        Who("operator", world.operator, "operator"),
        Who("anonymous", world.nobody, "anonymous"),
    ]


def expected(needs: str, who: Who) -> tuple[int, str | None] | None:
    """The status and the named permission of the refusal; None if this caller is admitted."""
    if needs in {PUBLIC, MAIL_SYSTEM}:
        # The mail system signs its requests. These tests configure no key for that.
        return None if needs == PUBLIC else (404, None)
    if who.kind == "anonymous":
        return 401, None
    if _of_the_wrong_kind(needs, who):
        return 403, None
    needs = needs.removeprefix(OF_A_PERSON)
    return _by_what_they_are(needs, who)


def _of_the_wrong_kind(needs: str, who: Who) -> bool:
    """True if the credential is valid, but only a person's is allowed."""
    if needs.startswith(OF_A_PERSON):
        return who.kind == "key" and who.role is not None
    return needs == SIGNED_IN and who.kind != "user"


def _by_what_they_are(needs: str, who: Who) -> tuple[int, str | None] | None:
    if needs in {SIGNED_IN, AUTHENTICATED}:
        return None
    if needs.startswith(OR_OPERATOR):
        return None if who.kind == "operator" else expected(needs.removeprefix(OR_OPERATOR), who)
    if needs == OPERATOR:
        return None if who.kind == "operator" else (403, "operator")
    if needs == PROGRAM:
        return (403, "program") if who.kind == "user" else None if who.role or who.kind == "operator" else (404, None)
    if who.role is None:
        return 404, None
    return None if needs == MEMBER or needs in PERMISSIONS_OF[who.role] else (403, needs)


class Subjects:
    """New rows for each call to act on, so that calls don't affect each other."""

    def __init__(self, world: World, account: str, owner: Caller, inviter: Caller) -> None:
        self.world, self.account, self.owner, self.inviter = world, account, owner, inviter
        self.numbers = count()

    def fill(self, rule: str) -> str:
        made: dict[str, Callable[[], str]] = {
            "account_id": lambda: self.account,
            "member_id": lambda: self.world.join(self.account, self.world.person(self._email()), Role.SUPPORT),
            "invitation_id": lambda: self.world.invited(self.account, self.inviter, self._email()),
            "key_id": lambda: self.world.api_key(self.account, self.owner, Role.SUPPORT).id,
            "job_id": self._job,
            "exception_id": lambda: self._exception(of_account="/accounts/" in rule),
        }
        for name, make in made.items():
            if f"<{name}>" in rule:
                rule = rule.replace(f"<{name}>", make())
        return rule

    def _job(self) -> str:
        invitation = self.world.invited(self.account, self.inviter, self._email())
        with self.world.sessions() as session:
            return session.scalars(select(Job.id).where(Job.subject_id == invitation)).first()

    def _exception(self, *, of_account: bool) -> str:
        who, path = (self.inviter, f"/accounts/{self.account}") if of_account else (self.world.operator, "")
        body = {"effect": "block", "subject": "domain", "value": "rival.example", "reason": "A test."}
        return who.post(f"/v1{path}/exceptions", body).json["id"]

    def _email(self) -> str:
        return f"person{next(self.numbers)}@corp.example"


def examples(app: Flask) -> dict[str, dict]:
    paths = app.test_client().get("/openapi.json").json["paths"]
    return {
        f"{method.upper()} {path.replace('{', '<').replace('}', '>')}": operation["requestBody"]["content"][
            "application/json"
        ]["example"]
        for path, operations in paths.items()
        for method, operation in operations.items()
        if "requestBody" in operation
    }


def test_every_call_has_a_row(app):
    assert sorted(calls(app)) == sorted(TABLE)


def test_every_caller_is_admitted_or_refused_as_the_table_says(world, alice, acme):
    subjects = Subjects(world, acme, alice, world.api_key(acme, alice, Role.OWNER))
    bodies = examples(world.app)
    disagreements, asked = [], 0
    for who in everybody(world, acme, alice):
        for call, needs in TABLE.items():
            method, rule = call.split()
            body = bodies.get(call)
            if call == "POST /v1/check":
                body = body | {"account_id": acme}
            answer = who.caller.ask(method, subjects.fill(rule), body)
            asked += 1
            if problem := disagreement(answer, expected(needs, who), needs):
                disagreements.append(f"{who.name}: {call}: {problem}")
    assert disagreements == []
    assert asked == 15 * len(TABLE)


def disagreement(answer, turned_away: tuple[int, str | None] | None, needs: str) -> str | None:
    """Describe the error in this response; None if it is correct."""
    if turned_away is None:
        # The examples' tokens and passwords are invalid, which public calls answer with 401, 404 or 410.
        refused = {403} if needs == PUBLIC else {401, 403} if "/me/" in answer.request.path else {401, 403, 404}
        return f"turned away with {answer.status_code}" if answer.status_code in refused | {500} else None
    status, permission = turned_away
    if answer.status_code != status or answer.json.get("permission") != permission:
        return f"{answer.status_code} {answer.json}, not {turned_away}"
    leaks = [word for word in ("Acme", "alice", "@") if word in answer.text]
    if status == 403 and permission is None and answer.json["code"] != "credential_not_allowed":
        return f"the code {answer.json['code']}"
    return f"tells of {leaks}" if leaks else None


def test_no_write_takes_a_column_that_it_does_not_name(world, alice, operator, acme):
    """Mass assignment: every column of every table, sent along with a valid example."""
    columns = {column.name for table in Base.metadata.tables.values() for column in table.columns}
    subjects = Subjects(world, acme, alice, alice)
    for call, example in examples(world.app).items():
        method, rule = call.split()
        if TABLE[call] == MAIL_SYSTEM:
            continue  # A separate test covers it, since other callers don't reach the body.
        who = operator if TABLE[call] in {OPERATOR, PROGRAM} else alice
        properties = set(example) | taken(world.app, call)
        answer = who.ask(method, subjects.fill(rule), example | dict.fromkeys(columns - properties, "x"))
        assert answer.status_code == 422, (call, answer.text)
        # The first unknown fields are named, and all of them are counted.
        assert answer.json["error_count"] >= len(columns - properties), call


def taken(app: Flask, call: str) -> set[str]:
    """The fields of a call's body."""
    method, rule = call.split()
    document = app.test_client().get("/openapi.json").json
    operation = document["paths"][rule.replace("<", "{").replace(">", "}")][method.lower()]
    name = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    return set(document["components"]["schemas"][name]["properties"])


GIVABLE = {Role.ADMIN, Role.DEVELOPER, Role.FINANCE_ANALYST, Role.SUPPORT}
MANAGERS = {Role.OWNER, Role.ADMIN}


@pytest.mark.parametrize("as_key", [False, True], ids=["people", "keys"])
def test_each_role_can_invite_change_and_remove_only_what_it_may(world, alice, acme, as_key):
    """Every role against every role: owner and admin may assign all but the owner's, the others none."""
    actors = {Role.OWNER: alice}
    for role in GIVABLE:
        actors[role] = world.person(f"{role}@corp.example")
        world.join(acme, actors[role], role)
    if as_key:
        actors = {role: world.api_key(acme, alice, role) for role in Role}
    (owners,) = [row["id"] for row in alice.get(f"/v1/accounts/{acme}/members?role=owner").json["data"]]
    for role, actor in actors.items():
        for target in Role:
            email = f"{as_key}{role}{target}@corp.example"
            invited = actor.post(f"/v1/accounts/{acme}/invitations", {"email": email, "role": target})
            assert invited.status_code == (403 if role not in MANAGERS else 202 if target in GIVABLE else 422)
            place = owners if target is Role.OWNER else world.join(acme, world.person(f"x{email}"), target)
            path = f"/v1/accounts/{acme}/members/{place}"
            may = role in MANAGERS and target in GIVABLE
            for new in Role:
                changed = actor.patch(path, {"role": new})
                good = {200} if may and new in GIVABLE else {422} if may else {409} if role in MANAGERS else {403}
                assert changed.status_code in good, (role, target, new, changed.text)
            removed = actor.delete(path)
            assert removed.status_code == (204 if may else 409 if role in MANAGERS else 403), (role, target)
