"""Messages that arrive five times and in any order, jobs that kill their workers, servers that greylist or are slow."""

import random

from sqlalchemy import func, text, update

from shared.db.transaction import transaction
from shared.jobs import dispatch, queue
from shared.mail import results
from shared.models import Delivery, Job, JobKind, JobState
from shared.settings.settings import Settings
from tests.faults.kill_points import Point, die_at, work
from tests.smtp_server import SmtpServer
from tests.worker.test_tasks import another, check_all, due_now
from tests.worker.world import World
from worker.context import WorkerContext
from worker.tasks.checks import check_invitations
from worker.tasks.crash_recovery import recover
from worker.tasks.mail import send_emails

CHECK, MAIL = JobKind.INVITATION_CHECK, JobKind.INVITATION_MAIL
GUESTS = [f"guest{number}@corp.example" for number in range(40)]


def test_every_message_five_times_and_in_any_order_emails_once(
    context: WorkerContext, custom_settings: Settings, world: World, smtp: SmtpServer
) -> None:
    world.invite_many(*GUESTS)
    chance = random.Random(1)
    with another(custom_settings, world.rules) as other:
        for task, kind in ((check_invitations, CHECK), (send_emails, MAIL)):
            job_ids = world.job_ids(kind) * 5
            chance.shuffle(job_ids)
            for start in range(0, len(job_ids), 20):
                task(chance.choice((context, other)), job_ids[start : start + 20])
    assert sorted(sent.recipient for sent in smtp.emails) == sorted(GUESTS)


def test_an_account_that_is_alone_is_dispatched_for_with_all_of_a_dispatch(world: World) -> None:
    world.invite_many(*(f"guest{number}@corp.example" for number in range(90)))
    due_now(world.sessions)
    with transaction(world.sessions) as session:
        assert len(dispatch.take_due(session, limit=80)) == 80
        assert len(dispatch.take_due(session, limit=80)) == 10
        assert dispatch.take_due(session, limit=80) == []


def test_a_job_of_a_kind_that_only_a_newer_release_knows_stops_no_other(world: World) -> None:
    """During a rolling deployment, a newer web server may enqueue jobs that this scheduler has no task for."""
    world.invite()
    with transaction(world.sessions) as session:
        session.execute(text("ALTER TABLE jobs DROP CONSTRAINT ck_jobs_kind"))
        session.execute(text("INSERT INTO jobs (id, kind, subject_id) VALUES ('job_of_tomorrow', 'tomorrow', 'inv_1')"))
    due_now(world.sessions)
    with transaction(world.sessions) as session:
        assert dispatch.take_due(session, limit=10) == [(CHECK, job_id) for job_id in world.job_ids(CHECK)]
    (unknown,) = [job for job in world.jobs() if job.kind == "tomorrow"]
    assert unknown.state == JobState.QUEUED


def test_a_job_that_kills_its_workers_is_marked_dead_and_the_others_go_on(
    context: WorkerContext, custom_settings: Settings, world: World, smtp: SmtpServer
) -> None:
    poison, harmless = world.invite_many("poison@corp.example", "bob@corp.example")
    check_all(context, world)
    with transaction(world.sessions) as session:
        later = func.now() + func.make_interval(0, 0, 0, 1)
        session.execute(update(Job).where(Job.subject_id == harmless.id).values(due_at=later))
    for _ in range(queue.MAX_LOST_LEASES):
        assert die_at(Point("worker.mail.rendering", "render", "call"), custom_settings) == -9
        recover(context.sent_journal.folder, context.commit)
    assert context.commit(results.mark_lost_dead) == 1
    due_now(world.sessions)
    work(context)
    assert [world.again(each).delivery for each in (poison, harmless)] == [Delivery.FAILED, Delivery.SENT]
    assert "died 5 times" in world.events(poison)[-1].data["why"]


def test_a_server_that_greylists_gets_each_email_at_the_second_try(
    context: WorkerContext, world: World, smtp: SmtpServer
) -> None:
    world.invite_many(*GUESTS[:10])
    check_all(context, world)
    smtp.say("RCPT", "450 4.7.1 greylisted, come back in five minutes", times=10)
    send_emails(context, world.job_ids(MAIL))
    assert smtp.emails == []
    assert all(50 > (job.due_at - job.first_tried_at).total_seconds() - 30 > 10 for job in world.jobs(MAIL))
    due_now(world.sessions)
    send_emails(context, world.job_ids(MAIL))
    assert {job.state for job in world.jobs(MAIL)} == {JobState.DONE}
    assert smtp.connections == 1  # A refused recipient costs no connection.
