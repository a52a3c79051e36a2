"""Two hosts over one database and broker: one is lost, and releases are replaced, while people invite."""

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text

from shared.cli.embedded.process import Command, run_to_end
from shared.cli.embedded.stack import usher
from shared.jobs import queue
from shared.migrations.upgrade import LOCK_SECONDS
from tests.cli.processes import eventually
from tests.faults import next_release
from tests.faults.hosts import HOSTS, answer_of, bring_back, done_by, lose, name_of, people_inviting
from tests.faults.ledger import compare
from tests.faults.next_release import KIND, MARK
from tests.faults.scenarios import finish
from tests.faults.service import Service

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere 127.0.0.1 is the only such address")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("s"), hosts=HOSTS, workers=1, worker_processes="1") as service:
        yield service


@pytest.fixture(autouse=True)
def nothing_lost(service: Service) -> Iterator[None]:
    """After each test, everything acknowledged has been emailed once, except duplicates of a dead host's emails in
    hand.

    No client saw an error. A request may meet a keep-alive connection that is just being closed; it is then sent again
    under its key, to the other host.
    """
    yield
    finish(service, within=30)
    found = compare(service)
    assert (found.lost, found.open, found.dead, found.unexplained) == (0, 0, 0, 0), found
    assert found.mailed == found.acknowledged > 0
    assert service.client.statuses.keys() <= {"202", "broken"}, service.client.statuses


def test_a_host_that_is_lost_is_missed_by_no_one(service: Service) -> None:
    """All its parts are lost at once, for good or for a while. The other host invites, emails, and does what is due."""
    lost = HOSTS[0]
    service.client.invite("falls-due@office.example")
    finish(service, within=30)
    with people_inviting(service, "lost") as invited:
        eventually(lambda: invited() > 20)
        dead = name_of(service, f"worker0@{lost}")
        lose(service, lost)
        with service.session() as session:
            # Twenty seconds later, as far as the rows can tell.
            queue.end_leases(session, owners=dead)
            session.execute(text("UPDATE invitations SET expires_at = now() WHERE email LIKE 'falls-due%'"))
        before = invited()
        expired = "SELECT count(*) FROM invitations WHERE email LIKE 'falls-due%' AND status = 'expired'"
        eventually(lambda: service.rows(expired) == [(1,)] and invited() > before + 20, within=20)
        assert answer_of(service, lost, "/healthz") is None
        bring_back(service, lost)
        eventually(lambda: answer_of(service, lost, "/healthz") and done_by(service, f"worker0@{lost}"), within=30)


def test_a_release_replaces_another_while_people_invite(service: Service, tmp_path: Path) -> None:
    """In the README's order: the database, then workers and schedulers, then web, host by host."""
    newer = {"PYTHONPATH": str(next_release.make(tmp_path / "next"))}
    with people_inviting(service, "upgraded"):
        migrate_beside_a_long_report(service, usher("migrate", environment=service.environ | newer))
        enqueue_a_kind_of_the_next_release(service)
        for number, host in enumerate(HOSTS, start=1):
            service.replace(f"worker0@{host}", **newer)
            service.replace(f"scheduler@{host}", **newer)
            eventually(lambda number=number: service.rows(SIGNS_OF_LIFE) == [(2 * number,)], within=30)
        for host in HOSTS:
            service.replace(f"web@{host}", **newer)
            eventually(lambda host=host: MARK in str(answer_of(service, host, "/healthz")), within=30)
        eventually(lambda: all(done_by(service, f"worker0@{host}") for host in HOSTS), within=30)
        with service.session() as session:
            # Fifteen seconds later, as far as the row can tell. The old release had dispatched it in vain.
            session.execute(text("UPDATE jobs SET ring_at = now() WHERE id = 'job_0'"))
    finish(service, within=20)
    # The user doesn't exist, so there is no email to send.
    assert service.rows("SELECT state FROM jobs WHERE id = 'job_0'") == [("cancelled",)]
    assert service.rows("SELECT count(note) FROM invitations") == [(0,)]
    assert service.rows("SELECT indisvalid FROM pg_index WHERE indexrelid = 'ix_jobs_lane'::regclass") == [(True,)]
    assert answer_of(service, HOSTS[0], "/readyz")["status"] == "ready"


SIGNS_OF_LIFE = f"SELECT count(*) FROM heartbeats WHERE data ->> 'release' = '{MARK}'"


def migrate_beside_a_long_report(service: Service, migrate: Command) -> None:
    """Migrate on both hosts at once, while a report reads the invitations for longer than a migration waits for it."""
    since = len(service.client.seconds)
    with ThreadPoolExecutor() as both:
        with psycopg.connect(service.settings.database_url) as report:
            report.execute("SELECT count(*) FROM invitations")
            reader = report.info.backend_pid
            migrating = [both.submit(run_to_end, migrate) for _ in HOSTS]
            blocked = f"""
                SELECT count(*) FROM pg_stat_activity
                WHERE {reader} = ANY (pg_blocking_pids(pid)) AND query LIKE 'ALTER TABLE%'
            """
            eventually(lambda: service.rows(blocked) == [(1,)])
            eventually(lambda: service.rows(blocked) == [(0,)])
        outputs = [each.result() for each in migrating]
    assert sum(f"process {reader} " in words for words in outputs) == 1
    assert max(service.client.seconds[since:]) < LOCK_SECONDS + 1


def enqueue_a_kind_of_the_next_release(service: Service) -> None:
    """The old release dispatches it in vain, never takes it, and shows it in its lists."""
    with service.session() as session:
        row = {"kind": KIND, "account": service.client.account}
        session.execute(
            text("INSERT INTO jobs (id, kind, account_id, subject_id) VALUES ('job_0', :kind, :account, 'usr_0')"), row
        )
    query = "SELECT ring_at > created_at + interval '2 seconds' FROM jobs WHERE id = 'job_0'"
    eventually(lambda: service.rows(query) == [(True,)])
    assert service.rows("SELECT state, attempts FROM jobs WHERE id = 'job_0'") == [("queued", 0)]
    path = f"/v1/accounts/{service.client.account}/jobs"
    assert answer_of(service, HOSTS[0], f"{path}/job_0")["kind"] == KIND
    assert KIND in {depth["kind"] for depth in answer_of(service, HOSTS[0], f"{path}/summary")["jobs"]}
