"""Large tables don't slow calls down: no frequent query reads a table from end to end.

PostgreSQL itself counts the rows read during real calls, so no plan has to be inspected.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session, sessionmaker

from shared.audit import hash_chain
from shared.db.transaction import transaction
from shared.invitations import expiry
from shared.jobs import queue
from shared.models import JobKind
from shared.permissions import Role
from tests.cli.processes import eventually
from tests.web.conftest import Caller, World, let_go, unlimited

MANY = 20_000
GROWN = """
CREATE TEMPORARY TABLE numbered ON COMMIT DROP AS
  SELECT n, lpad(n::text, 26, '0') AS id, mod(n, 2) = 0 AS ours, 'acc_' || (mod(n, {n} / 10) + 1) AS other,
         now() - n * interval '1 minute' AS at FROM generate_series(1, {n}) n;
INSERT INTO accounts (id, name) SELECT 'acc_' || n, 'Account ' || n FROM numbered WHERE n <= {n} / 10;
INSERT INTO users (id, email, email_key, name, password_hash, email_verified_at)
  SELECT 'usr_' || n, 'person' || n || '@corp.example', 'person' || n || '@corp.example', 'Person ' || n, '', at
  FROM numbered;
INSERT INTO memberships (id, account_id, user_id, role)
  SELECT 'mem_' || id, CASE WHEN ours THEN '{account}' ELSE other END, 'usr_' || n, 'developer' FROM numbered;
INSERT INTO invitations (id, account_id, email, email_key, role, status, delivery, invited_by, link_hash,
                         lifetime_seconds, resendable_at, expires_at, ended_at)
  SELECT 'inv_' || id, CASE WHEN ours THEN '{account}' ELSE other END, 'guest' || n || '@corp.example',
         'guest' || n || '@corp.example', 'developer', CASE WHEN mod(n, 4) = 0 THEN 'pending' ELSE 'revoked' END,
         'sent', '{owner}', sha256(n::text::bytea), 604800, at, now() + interval '7 days',
         CASE WHEN mod(n, 4) > 0 THEN at END FROM numbered;
INSERT INTO jobs (id, kind, state, account_id, subject_id, created_at, finished_at)
  SELECT 'job_' || id, 'invitation.mail', 'done', '{account}', 'inv_' || id, at, at FROM numbered;
INSERT INTO audit_events (id, account_id, subject_id, action, actor, data)
  SELECT 'evt_' || id, '{account}', 'inv_' || id, 'invitation.created', '{{"kind": "user"}}', '{{}}' FROM numbered;
INSERT INTO mail_domains (domain, answer, source, looked_up_at)
  SELECT 'corp' || n || '.example', 'mx', 'a name server', at FROM numbered;
"""

OTHERS = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
"""
READ = "SELECT relname, seq_tup_read + coalesce(idx_tup_fetch, 0) FROM pg_stat_user_tables"
"""An index can also be read from end to end."""


@pytest.fixture
def grown(world: World, sessions: sessionmaker[Session], alice: Caller, acme: str) -> World:
    with transaction(sessions) as session:
        session.connection().exec_driver_sql(GROWN.format(n=MANY, account=acme, owner=alice.id))
        session.execute(text("ANALYZE"))
    return world


@pytest.fixture
def read_whole(grown: World, sessions: sessionmaker[Session]) -> Callable[[], AbstractContextManager[dict[str, int]]]:
    """Yields, for a block, the grown tables that were read from end to end, and the number of rows read."""

    @contextmanager
    def watched() -> Iterator[dict[str, int]]:
        before, found = _rows_read(grown, sessions), {}
        yield found
        after = _rows_read(grown, sessions)
        found |= {table: rows - before[table] for table, rows in after.items() if rows - before[table] >= MANY / 4}

    return watched


def _rows_read(world: World, sessions: sessionmaker[Session]) -> dict[str, int]:
    # A connection reports its statistics when it closes, shortly after our side has closed it.
    let_go(world.app)
    sessions.kw["bind"].dispose()
    with sessions() as session:
        eventually(lambda: _is_alone(session))
        return dict(session.execute(text(READ)).all())


def _is_alone(session: Session) -> bool:
    found = session.execute(text(OTHERS)).scalar_one()
    session.rollback()  # Within a transaction, the server repeats the same snapshot.
    return found == 0


def test_inviting_reads_no_table_from_end_to_end(read_whole, world, alice, acme):
    # An account's open invitations are counted before its first invitation, and incrementally afterwards.
    world.invited(acme, alice, "first@corp.example")
    with read_whole() as found:
        for number in range(7):
            asked = {"email": f"dora{number}@corp{number}.example", "role": "developer"}
            assert alice.post(f"/v1/accounts/{acme}/invitations", asked).status_code == 202
        rows = [{"email": f"emil{number}@corp.example", "role": "support"} for number in range(50)]
        assert alice.post(f"/v1/accounts/{acme}/invitations/batch", {"invitations": rows}).status_code == 207
        assert alice.post(f"/v1/accounts/{acme}/invitations/check", rows[0]).json["reasons"]
    assert found == {}


def test_an_invitations_life_reads_no_table_from_end_to_end(read_whole, world, alice, bob, acme):
    world.invited(acme, alice, "first@corp.example")
    with read_whole() as found:
        made = world.invited(acme, alice, "bob@corp.example")
        mine = f"/v1/accounts/{acme}/invitations/{made}"
        for path in (mine, f"{mine}/events", "/v1/me/invitations"):
            assert alice.get(path).status_code == 200, path
        assert alice.patch(mine, {"role": "support"}).status_code == 200
        assert world.nobody.post("/v1/invitations/inspect", {"token": world.token(made)}).status_code == 200
        assert bob.post("/v1/invitations/accept", {"token": world.token(made)}).status_code == 200
        other = world.invited(acme, alice, "carol@corp.example")
        assert alice.post(f"/v1/accounts/{acme}/invitations/{other}/revoke").status_code == 200
    assert found == {}


def test_looking_around_reads_no_table_from_end_to_end(read_whole, world, alice, acme):
    program = world.api_key(acme, alice, Role.ADMIN)
    asked = {"account_id": acme, "user_id": "usr_2", "permission": "team:view"}
    here = f"/v1/accounts/{acme}"
    browser = world.app.test_client()
    browser.set_cookie("usher", alice.token or "")
    with read_whole() as found:
        assert program.post("/v1/check", asked).json["allowed"]
        assert len(program.post("/v1/check", {"checks": [asked] * 100}).json["results"]) == 100
        for path in ("members", "members?q=person1777", "invitations", "invitations?status=pending", "jobs"):
            assert alice.get(f"{here}/{path}").json["data"], path
        assert alice.get(f"{here}/invitations?status=held").json["data"] == []
        assert alice.get(f"{here}/audit-events").json["data"]
        assert alice.get("/v1/me/accounts").json["data"]
        for path in ("team", "audit", "jobs"):
            assert browser.get(f"/accounts/{acme}/{path}").status_code == 200, path
    assert found == {}


def test_what_was_planned_while_the_tables_were_empty_reads_no_more_once_they_fill(world, sessions, alice, acme):
    """PostgreSQL analyzes a table only minutes later. The first long list of people comes before that."""
    path, count = f"/v1/accounts/{acme}/invitations", 3000
    unlimited(world, acme)

    def go_on(name: str) -> None:
        """Repeat until the connection keeps its generic plans."""
        for number in range(12):
            one = {"email": f"{name}{number}@corp.example", "role": "developer"}
            assert alice.post(path, one).status_code == 202
            work(sessions)

    go_on("early")
    for batch in range(0, count, 1000):
        rows = [{"email": f"guest{batch + number}@corp.example", "role": "support"} for number in range(1000)]
        results = alice.post(f"{path}/batch", {"invitations": rows}).json["results"]
        assert {each["status"] for each in results} == {202}
    go_on("late")
    read = _rows_read(world, sessions)
    assert max(read[table] for table in ("invitations", "jobs", "audit_seals")) < count


def work(sessions: sessionmaker[Session]) -> None:
    """The work of a scheduler and a worker on the newest jobs, over a connection that stays open."""
    with transaction(sessions) as session:
        newest = list(session.scalars(text("SELECT id FROM jobs ORDER BY id DESC LIMIT 20")))
        expiry.expire(session)
        hash_chain.seal(session)
    with transaction(sessions) as session:
        queue.claim(session, newest, kinds=JobKind, owner="a worker")
    with transaction(sessions) as session:
        assert queue.lock_held(session, newest, owner="a worker")
        queue.finish(session, newest)
