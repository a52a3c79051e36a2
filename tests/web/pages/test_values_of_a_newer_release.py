"""A newer release writes roles, statuses and kinds that this one doesn't know: every call and page goes on."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import text

from shared.permissions import Permission
from tests.web.conftest import Caller, World
from tests.web.pages.conftest import Window

ROUNDS: dict[str, dict[str, dict[str, str]]] = {
    "roles": {"memberships": {"role": "auditor"}, "api_keys": {"role": "auditor"}, "invitations": {"role": "auditor"}},
    "statuses": {
        "invitations": {"status": "paused"},
        "jobs": {"state": "parked"},
        "accounts": {"lapsed_contract": "ask"},
    },
    "deliveries": {"invitations": {"delivery": "parked"}, "jobs": {"kind": "farewell.mail"}},
    "decisions": {
        "policy_exceptions": {"effect": "review", "subject": "country"},
        "mail_domains": {"answer": "forwarded"},
        "abuse_reports": {"decision": "watch"},
        "heartbeats": {"part": "archiver"},
    },
}
_ROWS = {"memberships": "role <> 'owner'"}
"""An account keeps its owner; of the other tables, all rows are changed."""

_JSON = """
ALTER TABLE audit_events DISABLE TRIGGER USER;
UPDATE audit_events SET action = 'invitation.parked', actor = actor || '{"kind": "robot"}';
UPDATE policy_exceptions SET author = author || '{"kind": "robot"}';
UPDATE invitations SET
    checks = '[{"check": "weather", "verdict": "shrug", "data": {}, "checked_at": "2026-11-01T00:00:00Z",
        "reasons": [{"code": "rainy", "message": "It rains.", "remedy": "Wait.", "who": "neighbor"}]}]',
    origin = '{"address": "192.0.2.7", "by_program": false, "traces": [], "sources": [], "oldest": null, "gaps": [],
        "hits": [["starlink", "list", "2026-11-01T00:00:00+00:00"]]}';
"""
"""What rows keep as JSON: events, who added an exception, checks, and where a request came from."""

_MORE_ROWS = """
INSERT INTO mail_domains (domain, answer, source) VALUES ('corp.example', 'mx', 'x') ON CONFLICT DO NOTHING;
INSERT INTO heartbeats (name, part) VALUES ('worker0', 'worker');
INSERT INTO abuse_reports (id, account_id, invitation_id, invited_by, email, reporter_key)
    SELECT 'abr_0', account_id, id, invited_by, email, email_key FROM invitations LIMIT 1;
"""


def run(world: World, script: str) -> None:
    with world.sessions.begin() as session:
        session.connection().exec_driver_sql(script)


def write_as_a_newer_release(world: World, table: str, **values: str) -> None:
    """Let the columns hold the values, as a migration of the newer release does, and write them into the rows."""
    for column, value in values.items():
        run(
            world,
            f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS ck_{table}_{column}; "
            f"UPDATE {table} SET {column} = '{value}' WHERE {_ROWS.get(table, 'true')}",
        )


@pytest.fixture
def people(world: World, alice: Caller, acme: str, carol: Caller) -> dict[str, Caller]:
    """Alice owns, and Carol is an admin who knows her password; the account has a row in every table."""
    world.join(acme, carol, "admin")
    world.invited(acme, alice, "dora@corp.example")
    alice.post(f"/v1/accounts/{acme}/invitations", {"email": "erik@corp.example", "role": "support"})
    body = {"effect": "block", "subject": "domain", "value": "rival.example", "reason": "A test."}
    assert alice.post(f"/v1/accounts/{acme}/exceptions", body).status_code == 201
    run(world, _MORE_ROWS)
    return {"alice": alice, "carol": carol, "key": world.api_key(acme, alice, "admin"), "operator": world.operator}


def ids_of(world: World, table: str) -> list[str]:
    with world.sessions() as session:
        return list(session.execute(text(f"SELECT id FROM {table} ORDER BY id")).scalars())


def addresses(world: World, acme: str) -> Iterator[str]:
    """Every address that answers to GET, filled in with what the account has."""
    invitation = ids_of(world, "invitations")[0]
    ids = {"account_id": acme, "invitation_id": invitation, "row_id": invitation, "token": world.token(invitation)}
    ids |= {"job_id": ids_of(world, "jobs")[0], "member_id": ids_of(world, "memberships")[-1]}
    for rule in world.app.url_map.iter_rules():
        if "GET" in (rule.methods or set()) and rule.rule != "/readyz":
            yield re.sub(r"<(?:\w+:)?(\w+)>", lambda found: ids.get(found[1], "x"), rule.rule)


def status_of(answer: Any) -> int:
    """The status of an answer, once all of it was read: one is streamed."""
    assert answer.data is not None
    return int(answer.status_code)


def failures(world: World, acme: str, people: dict[str, Caller], window: Window) -> list[tuple[str, str]]:
    """Who asked for what, and met a failure of ours."""
    found = []
    for path in sorted(set(addresses(world, acme))):
        callers = people if path.startswith("/v1/") else {}
        statuses = {name: status_of(caller.get(path)) for name, caller in callers.items()}
        statuses["browser"] = status_of(window.open(path))
        found += [(name, path) for name, status in statuses.items() if status >= 500]
    return found


@pytest.mark.parametrize("tables", ROUNDS.values(), ids=ROUNDS)
def test_no_call_and_no_page_fails_at_a_value_of_a_newer_release(world, acme, people, window, tables):
    window.sign_in("carol@corp.example")
    for table, values in tables.items():
        write_as_a_newer_release(world, table, **values)
    assert failures(world, acme, people, window) == []


def test_no_call_and_no_page_fails_at_what_a_newer_release_keeps_as_json(world, acme, people, window):
    window.sign_in("carol@corp.example")
    run(world, _JSON)
    assert failures(world, acme, people, window) == []


def test_a_member_with_a_sixth_role_is_listed_and_may_do_nothing(world, alice, operator, acme, people):
    write_as_a_newer_release(world, "memberships", role="auditor")
    roles = {row["user"]["email"]: row["role"] for row in alice.get(f"/v1/accounts/{acme}/members").json["data"]}
    assert roles["carol@corp.example"] == "auditor"
    carol = people["carol"]
    for permission in Permission:
        body = {"account_id": acme, "user_id": carol.id, "permission": permission}
        answer = operator.post("/v1/check", body).json
        assert (answer["allowed"], answer["role"]) == (False, "auditor")
    assert carol.get(f"/v1/accounts/{acme}/members").status_code == 403
    assert carol.get(f"/v1/accounts/{acme}").status_code == 200
    assert carol.get("/v1/me/accounts").json["data"][0]["role"] == "auditor"


def test_a_key_of_a_sixth_role_may_do_nothing_and_admins_do_not_revoke_it(world, alice, acme, people):
    write_as_a_newer_release(world, "api_keys", role="auditor")
    key = people["key"]
    assert key.get(f"/v1/accounts/{acme}/members").status_code == 403
    assert people["carol"].delete(f"/v1/accounts/{acme}/api-keys/{key.id}").status_code == 403
    assert alice.delete(f"/v1/accounts/{acme}/api-keys/{key.id}").status_code == 204


def test_pages_show_the_word_as_it_was_written(world, acme, people, window):
    window.sign_in("carol@corp.example")
    write_as_a_newer_release(world, "invitations", status="paused", role="auditor")
    page = window.open(f"/accounts/{acme}/team").text
    assert "paused" in page
    assert "auditor" in page


@pytest.mark.parametrize("values", [{"role": "auditor"}, {"status": "paused"}, {"delivery": "parked"}], ids=str)
def test_acting_on_an_invitation_of_a_newer_release_never_fails(world, alice, acme, people, values):
    write_as_a_newer_release(world, "invitations", **values)
    invitation, checking = ids_of(world, "invitations")
    token, path = {"token": world.token(invitation)}, f"/v1/accounts/{acme}/invitations/{invitation}"
    dora = world.person("dora@corp.example")
    answers = [
        dora.post("/v1/invitations/inspect", token),
        dora.post("/v1/invitations/accept", token),
        alice.post(f"{path}/resend"),
        alice.patch(path, {"role": "support"}),
        alice.post(f"{path}/release", {"reason": "A test."}),
        alice.post(f"{path}/refuse", {"reason": "A test."}),
        alice.post(f"{path}/revoke"),
        alice.post(f"/v1/accounts/{acme}/invitations", {"email": "dora@corp.example", "role": "support"}),
    ]
    assert [answer.text for answer in answers if answer.status_code >= 500] == []
    world.check(checking)


def test_what_comes_in_is_held_against_what_this_release_knows(alice, acme):
    body = {"email": "x@corp.example", "role": "auditor"}
    assert alice.post(f"/v1/accounts/{acme}/invitations", body).status_code == 422
