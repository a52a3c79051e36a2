"""The audit log: its content, its readers, and how tampering is detected."""

import csv
import io
from datetime import timedelta

import pytest
from click.testing import CliRunner
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from shared.audit import hash_chain
from shared.cli import main
from shared.clock import now, rfc3339
from shared.db.transaction import transaction
from shared.permissions import Role
from tests.conftest import environment
from tests.web.conftest import World


def seal(world: World) -> int:
    with transaction(world.sessions) as session:
        return hash_chain.seal(session)


def meddle(world: World, *statements: str) -> None:
    """Change rows that no code of ours can change, as someone with the database's credentials could."""
    with transaction(world.sessions) as session:
        session.execute(text("ALTER TABLE audit_events DISABLE TRIGGER USER"))
        for statement in statements:
            session.execute(text(statement))
        session.execute(text("ALTER TABLE audit_events ENABLE TRIGGER USER"))


def verified(world: World, *words: str):
    return CliRunner().invoke(main, ["audit", "verify", *words], env=environment(world.settings))


@pytest.fixture
def busy(world: World, alice, acme) -> str:
    """An account with five events, all sealed."""
    for number in range(5):
        alice.patch(f"/v1/accounts/{acme}", {"name": f"Acme {number}"})
    seal(world)
    return acme


def test_a_change_tells_who_what_from_where_before_and_after(world, alice, bob, acme):
    place = world.join(acme, bob, Role.ADMIN)
    alice.patch(f"/v1/accounts/{acme}/members/{place}", {"role": "support"})
    seal(world)
    (event,) = alice.get(f"/v1/accounts/{acme}/audit-events?action=member").json["data"]
    assert event["action"] == "member.role_changed"
    assert event["actor"] == {"kind": "user", "id": alice.id}
    assert event["data"] == {"before": "admin", "after": "support"}
    assert event["subject_id"] == place
    assert event["origin"] == "127.0.0.1"
    assert event["request_id"].startswith("req_")
    assert len(event["hash"]) == 64


def test_events_are_filtered_by_time_and_action_and_come_in_pages(world, alice, busy):
    path = f"/v1/accounts/{busy}/audit-events"
    assert len(alice.get(f"{path}?action=account.changed").json["data"]) == 5
    assert alice.get(f"{path}?action=member").json["data"] == []
    soon = rfc3339(now() + timedelta(minutes=1))
    assert alice.get(f"{path}?since={soon}").json["data"] == []
    first = alice.get(f"{path}?limit=3").json
    rest = alice.get(f"{path}?limit=3&cursor={first['next_cursor']}").json
    names = [event["data"]["after"]["name"] for event in first["data"] + rest["data"]]
    assert names == [f"Acme {number}" for number in range(5)]
    assert rest["next_cursor"] is None
    assert alice.get(f"{path}?cursor=eHl6").status_code == 422


def test_the_events_can_be_taken_away_and_no_cell_is_a_formula(world, alice, acme):
    world.invited(acme, alice, "dora@corp.example", message="hello")
    alice.patch(f"/v1/accounts/{acme}", {"name": "=HYPERLINK(1)"})
    answer = alice.get(f"/v1/accounts/{acme}/audit-events.csv")
    assert answer.content_type == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["action"] for row in rows][-1] == "account.changed"
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row.values())


def test_a_refused_attempt_is_recorded_once_a_minute(world, alice, bob, acme):
    world.join(acme, bob, Role.SUPPORT)
    for _ in range(5):
        assert bob.patch(f"/v1/accounts/{acme}", {"name": "Mine"}).status_code == 403
    (event,) = alice.get(f"/v1/accounts/{acme}/audit-events?action=access.refused").json["data"]
    assert event["actor"]["id"] == bob.id
    assert event["data"] == {
        "code": "permission_denied",
        "permission": "account:edit",
        "route": "PATCH /v1/accounts/<account_id>",
    }


def test_an_untouched_audit_is_sound(world, busy):
    result = verified(world)
    assert result.exit_code == 0, result.output
    assert f"{busy}: 5 events sealed, 0 not yet sealed" in result.stdout


def test_new_events_wait_for_their_seal_and_are_no_fault(world, alice, busy):
    alice.patch(f"/v1/accounts/{busy}", {"name": "New"})
    result = verified(world, busy)
    assert (result.exit_code, "5 events sealed, 1 not yet sealed" in result.stdout) == (0, True)
    assert seal(world) == 1
    assert seal(world) == 0


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("UPDATE audit_events SET origin = '10.0.0.1' WHERE seq = {third}", "number 3 "),
        ("UPDATE audit_events SET at = at + interval '1 second' WHERE seq = {third}", "number 3 "),
        ("DELETE FROM audit_events WHERE seq = {third}", "number 3 is missing"),
        ("DELETE FROM audit_seals WHERE seq = {third}", "before number 4 are missing"),
        ("DELETE FROM audit_seals WHERE seq >= {third}", "does not end where it should"),
        ("DELETE FROM audit_chains", "does not end where it should"),
        (
            "UPDATE audit_events SET data = later.data FROM audit_events later "
            "WHERE audit_events.seq = {third} AND later.seq = {third} + 1",
            "number 3 ",
        ),
        (
            "UPDATE audit_seals SET position = CASE position WHEN 2 THEN 30 ELSE 2 END WHERE position IN (2, 3)",
            "number 2 ",
        ),
    ],
)
def test_a_changed_missing_or_moved_event_shows(world, busy, statement, fault):
    with world.sessions() as session:
        third = session.scalar(text("SELECT seq FROM audit_seals WHERE position = 3 AND account_id LIKE 'acc%'"))
    statement = statement.format(third=third)
    if "audit_seals SET" in statement or "DELETE FROM audit_seals" in statement:
        statement += f" AND account_id = '{busy}'"
    meddle(world, statement)
    result = verified(world, busy)
    assert result.exit_code == 1
    assert fault in result.stderr


def test_the_database_refuses_to_change_an_event(world, busy):
    for statement in ("UPDATE audit_events SET origin = NULL", "DELETE FROM audit_events", "TRUNCATE audit_events"):
        with pytest.raises(DBAPIError, match="append-only"), transaction(world.sessions) as session:
            session.execute(text(statement))


def test_events_of_a_transaction_that_is_still_open_are_waited_for(world, alice, acme):
    """A transaction commits slowly while Alice is quick: the slow events are sealed too, and none twice."""
    with world.sessions() as slow:
        slow.execute(text("SELECT pg_current_xact_id()"))
        alice.patch(f"/v1/accounts/{acme}", {"name": "Quick"})
        before = seal(world)
        slow.commit()
    assert before + seal(world) == len(alice.get(f"/v1/accounts/{acme}/audit-events").json["data"]) + 1
    assert verified(world).exit_code == 0
