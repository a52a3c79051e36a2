"""The scheduler: dispatches due jobs, runs periodic tasks, and does the work itself while the broker is away."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from sqlalchemy import func, text, update

from shared.db.transaction import transaction
from shared.jobs import kinds
from shared.models import Delivery, Invitation, Job, JobKind, JobState, Status
from shared.settings.settings import Settings
from tests.cli.processes import eventually
from tests.smtp_server import SmtpServer
from tests.worker.test_broker import waiting
from tests.worker.world import World
from worker import scheduler
from worker.context import WorkerContext
from worker.scheduler import Scheduler

NO_BROKER = "redis://127.0.0.1:1/0"


@contextmanager
def scheduler_over(custom_settings: Settings, context: WorkerContext, broker_url: str) -> Iterator[Scheduler]:
    one = Scheduler(custom_settings.model_copy(update={"broker_url": broker_url}), context)
    try:
        yield one
    finally:
        one.close()


def make_due(world: World) -> None:
    with transaction(world.sessions) as session:
        session.execute(update(Job).where(Job.state == JobState.QUEUED).values(ring_at=func.now(), due_at=func.now()))


def test_it_dispatches_for_what_is_due_and_only_once(
    custom_settings: Settings, context: WorkerContext, world: World, broker_url: str
) -> None:
    world.invite_many(*(f"guest{number}@corp.example" for number in range(25)))
    with scheduler_over(custom_settings, context, broker_url) as one:
        one.tick()
        assert waiting(broker_url, "checks") == 0  # The first second belongs to the notification.
        make_due(world)
        one.tick()
        one.tick()
    assert waiting(broker_url, "checks") == 2


def test_two_schedulers_dispatch_as_often_as_one(
    custom_settings: Settings, context: WorkerContext, world: World, broker_url: str
) -> None:
    world.invite()
    make_due(world)
    with (
        scheduler_over(custom_settings, context, broker_url) as one,
        scheduler_over(custom_settings, context, broker_url) as other,
    ):
        for _ in range(3):
            one.tick()
            other.tick()
    assert waiting(broker_url, "checks") == 1


def test_without_the_broker_it_checks_emails_and_expires_by_itself(
    custom_settings: Settings, context: WorkerContext, world: World, smtp: SmtpServer
) -> None:
    old, *_ = invitations = world.invite_many(*(f"guest{number}@corp.example" for number in range(30)))
    with transaction(world.sessions) as session:
        session.execute(update(Invitation).where(Invitation.id == old.id).values(expires_at=func.now()))
    with scheduler_over(custom_settings, context, NO_BROKER) as one:
        for _ in range(2):
            make_due(world)
            one.tick()
    assert len(smtp.emails) == 29
    assert {world.again(each).delivery for each in invitations[1:]} == {Delivery.SENT}
    assert world.again(old).status == Status.EXPIRED


def test_it_dispatches_for_nothing_more_while_no_one_reads(
    custom_settings: Settings, context: WorkerContext, world: World, broker_url: str
) -> None:
    with scheduler_over(custom_settings, context, broker_url) as one:
        for _ in range(scheduler.MAX_QUEUED_MESSAGES):
            one._publisher.publish_task(kinds.EXPIRE_INVITATIONS)
        old, _ = world.invite_many("bob@corp.example", "charlie@corp.example")
        make_due(world)
        with transaction(world.sessions) as session:
            session.execute(update(Invitation).where(Invitation.id == old.id).values(expires_at=func.now()))
        one.tick()
    assert (waiting(broker_url, "checks"), waiting(broker_url, "chores")) == (0, scheduler.MAX_QUEUED_MESSAGES)
    assert world.again(old).status == Status.EXPIRED


def test_it_marks_a_job_dead_whose_workers_keep_dying(
    custom_settings: Settings, context: WorkerContext, world: World, broker_url: str
) -> None:
    invitation = world.invite()
    with transaction(world.sessions) as session:
        past = func.now() - timedelta(seconds=1)
        dying = {"state": JobState.RUNNING, "lease_owner": "x", "lease_until": past, "ring_at": past, "lost_leases": 4}
        session.execute(update(Job).values(**dying))
    with scheduler_over(custom_settings, context, broker_url) as one:
        one.tick()
    assert [job.state for job in world.jobs()] == [JobState.DEAD]
    assert world.again(invitation).delivery == Delivery.FAILED
    assert waiting(broker_url, "checks") == 0


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # The broken connections are intended.
def test_it_outlives_a_database_that_drops_its_connections(
    custom_settings: Settings, context: WorkerContext, world: World, smtp: SmtpServer
) -> None:
    stop = threading.Event()
    with scheduler_over(custom_settings, context, NO_BROKER) as one:
        thread = threading.Thread(target=one.run, args=(stop,))
        thread.start()
        for number in range(3):
            with transaction(world.sessions) as session:
                session.execute(
                    text(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                    )
                )
            world.invite(f"guest{number}@corp.example")
        eventually(lambda: len(smtp.emails) == 3, within=20)
        stop.set()
        thread.join(10)
    eventually(lambda: [job.state for job in world.jobs(JobKind.INVITATION_MAIL)] == [JobState.DONE] * 3)
