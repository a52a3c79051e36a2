"""Emails that a worker sent and could not record in time are sent once: it was frozen, or the database was away."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial

import psycopg
from psycopg.sql import SQL, Identifier

from shared.jobs import queue
from shared.mail import results
from shared.models import Delivery, JobState
from shared.settings.settings import Settings
from tests.cli.processes import eventually
from tests.faults.kill_points import POINTS, frozen_at
from tests.smtp_server import SmtpServer
from tests.worker.test_tasks import MAIL, another, check_all, mail_all, run_out
from tests.worker.world import World
from worker.context import WorkerContext


def test_a_worker_frozen_for_longer_than_its_lease_costs_no_second_copy(
    custom_settings: Settings, world: World, context: WorkerContext, smtp: SmtpServer
) -> None:
    invitation = world.invite()
    with frozen_at(POINTS["after the note"], custom_settings):
        run_out(world)
        mail_all(context, world)
        assert world.again(invitation).delivery == Delivery.SENT
    assert len(smtp.emails) == 1
    assert world.again(invitation).sent_count == 1
    assert [job.state for job in world.jobs(MAIL)] == [JobState.DONE]


def test_what_was_mailed_is_recorded_however_long_the_database_is_away(
    custom_settings: Settings,
    world: World,
    context: WorkerContext,
    database_admin: psycopg.Connection,
    database_name: str,
) -> None:
    invitation = world.invite()
    check_all(context, world)
    ids, tried = world.job_ids(MAIL), []
    with (
        another(custom_settings, world.rules, stopping=lambda: bool(tried.append(1))) as cut_off,
        ThreadPoolExecutor(1) as pool,
        cut_off.leases.take() as lease,
    ):
        cut_off.commit(lambda session: queue.claim(session, ids, kinds=[MAIL], owner=lease.owner))
        lease.extend(time.monotonic() - 2 * queue.LEASE.total_seconds())
        with away(database_admin, database_name):
            record = partial(results.record_sent, replies=dict.fromkeys(ids, "250 taken"), owner=lease.owner)
            recording = pool.submit(cut_off.record, lease, record, autocommit=True)
            eventually(lambda: bool(tried) or recording.done())
        assert recording.result(20) == set(ids)
    assert world.again(invitation).delivery == Delivery.SENT


def test_a_lease_that_has_run_out_is_not_revived_by_a_renewal(context: WorkerContext, world: World) -> None:
    """Other processes may have its jobs by now, and send their emails."""
    with context.leases.take() as lease:
        context.leases.renew()
        assert lease.holds()
        lease.extend(time.monotonic() - 2 * queue.LEASE.total_seconds())
        context.leases.renew()
        assert not lease.holds()


@contextmanager
def away(admin: psycopg.Connection, name: str) -> Iterator[None]:
    """During the block, the database accepts no connections and has closed its current ones."""
    admin.execute(SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(Identifier(name)))
    admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
    try:
        yield
    finally:
        admin.execute(SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true").format(Identifier(name)))
