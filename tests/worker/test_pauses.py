"""Paused emails: a domain that accepts no more or is slow, a server that refuses us; and fairness among accounts."""

import struct
import time

import pytest
from sqlalchemy import func, select, update

from shared.db.transaction import transaction
from shared.jobs import dispatch, heartbeats, mail_pauses
from shared.models import ALL_MAIL, Delivery, Invitation, Job, JobKind, JobState, Part, Pause
from shared.permissions import Role
from shared.settings.settings import Settings
from tests.smtp_server import SmtpServer
from tests.worker.test_tasks import another, check_all, due_now, mail_all
from tests.worker.world import World
from worker.context import WorkerContext
from worker.tasks.mail import send_emails
from worker.watchdog import STUCK_AFTER, Pulse, Watchdog

CHECK, MAIL = JobKind.INVITATION_CHECK, JobKind.INVITATION_MAIL


def states(world: World) -> dict[str, tuple[str, int]]:
    """State and attempts of each email's job, by the recipient's address."""
    query = select(Invitation.email, Job.state, Job.attempts).join(Job, Job.subject_id == Invitation.id)
    with world.sessions() as session:
        return {row.email: (row.state, row.attempts) for row in session.execute(query.where(Job.kind == MAIL))}


def held(world: World) -> dict[str, str]:
    with world.sessions() as session:
        return {each.lane: each.why for each in mail_pauses.in_force(session)}


def end_pauses(world: World) -> None:
    with transaction(world.sessions) as session:
        session.execute(update(Pause).values(until=func.now()))
    due_now(world.sessions)


def test_a_domain_that_takes_no_more_rests_and_the_others_are_mailed(
    context: WorkerContext, world: World, smtp: SmtpServer
) -> None:
    world.invite_many("a@slow.example", "b@slow.example", "c@quick.example")
    check_all(context, world)
    smtp.say("RCPT", "421 4.7.28 unusual rate of mail")
    first = next(job for job in world.jobs(MAIL) if job.lane == "slow.example")
    send_emails(context, [first.id])
    mail_all(context, world)
    assert [sent.recipient for sent in smtp.emails] == ["c@quick.example"]
    assert "unusual rate" in held(world)["slow.example"]
    assert sorted(states(world).values()) == [("done", 1), ("queued", 0), ("queued", 1)]
    with transaction(world.sessions) as session:
        session.execute(update(Job).values(ring_at=func.now()))
        assert dispatch.take_due(session, limit=10) == []
    end_pauses(world)
    mail_all(context, world)
    assert len(smtp.emails) == 3


def test_a_server_that_refuses_our_password_pauses_all_emails_and_fails_none(
    world: World, custom_settings: Settings
) -> None:
    with SmtpServer(login=("usher", "right")) as server:
        wrong = custom_settings.model_copy(update={"smtp_url": server.url("?starttls=off", credentials="usher:wrong@")})
        world.invite_many(*(f"guest{number}@corp.example" for number in range(5)))
        with another(wrong, world.rules) as context:
            check_all(context, world)
            mail_all(context, world)
            tried = server.connections
            mail_all(context, world)
        assert server.connections == tried == 1  # No worker tries again before the pause is over.
        assert set(states(world).values()) == {(JobState.QUEUED, 0)}
        assert "SMTP_URL" in held(world)[ALL_MAIL]
        end_pauses(world)
        right = custom_settings.model_copy(update={"smtp_url": server.url("?starttls=off", credentials="usher:right@")})
        with another(right, world.rules) as context:
            mail_all(context, world)
        assert len(server.emails) == 5


def test_an_address_that_bounced_gets_no_further_email_from_any_account(
    context: WorkerContext, world: World, smtp: SmtpServer
) -> None:
    invitation = world.invite("gone@corp.example")
    check_all(context, world)
    smtp.say("RCPT", "550 5.1.1 user unknown")
    mail_all(context, world)
    with transaction(world.sessions) as session:
        session.execute(update(Invitation).values(status="revoked"))
    again = world.invite("Gone@corp.example")
    check_all(context, world)
    mail_all(context, world)
    assert smtp.emails == []
    assert [world.again(each).delivery for each in (invitation, again)] == [Delivery.BOUNCED, Delivery.SUPPRESSED]
    assert "user unknown" in world.events(again)[-1].data["why"]


@pytest.mark.parametrize(("reply", "times"), [("550 5.7.26 unauthenticated mail", 1), ("552 5.2.2 over quota", 2)])
def test_what_is_no_fault_of_the_address_suppresses_nothing(
    context: WorkerContext, world: World, smtp: SmtpServer, reply: str, times: int
) -> None:
    invitation = world.invite()
    check_all(context, world)
    smtp.say("RCPT", reply, times=times)
    for _ in range(times):
        mail_all(context, world)
        due_now(world.sessions)
    assert world.again(invitation).delivery == Delivery.FAILED
    with transaction(world.sessions) as session:
        session.execute(update(Invitation).values(status="revoked"))
    world.invite()
    check_all(context, world)
    mail_all(context, world)
    assert len(smtp.emails) == 1


def test_a_revocation_and_a_new_role_between_enqueueing_and_sending_win(
    context: WorkerContext, world: World, smtp: SmtpServer
) -> None:
    revoked, changed = world.invite_many("a@corp.example", "b@corp.example")
    check_all(context, world)
    with transaction(world.sessions) as session:
        session.execute(update(Invitation).where(Invitation.id == revoked.id).values(status="revoked"))
        session.execute(update(Invitation).where(Invitation.id == changed.id).values(role=Role.FINANCE_ANALYST))
    mail_all(context, world)
    (sent,) = smtp.emails
    assert (sent.recipient, "finance analyst" in sent.body("plain")) == ("b@corp.example", True)


def test_one_account_of_many_jobs_leaves_another_its_turn(world: World) -> None:
    of = {f"job_{number}": (CHECK, "acc_big") for number in range(100)}
    of |= {"job_small": (CHECK, "acc_small"), "job_people": (JobKind.VERIFICATION_MAIL, None)}
    with transaction(world.sessions) as session:
        for job_id, (kind, account) in of.items():
            session.add(Job(id=job_id, kind=kind, subject_id=job_id, account_id=account, ring_at=func.now()))
    with transaction(world.sessions) as session:
        dispatched = {job_id for _, job_id in dispatch.take_due(session, limit=10)}
    assert {"job_small", "job_people"} <= dispatched
    assert len(dispatched) == 10


def silent(pulse: Pulse) -> Pulse:
    """A pulse whose last beat is older than the limit."""
    moment = time.monotonic() - STUCK_AFTER.total_seconds() - 1
    pulse._memory[:] = struct.pack("d", moment)
    return pulse


def ignore_for_long(world: World) -> None:
    """Make a job look due and dispatched for two minutes."""
    with transaction(world.sessions) as session:
        past = func.now() - STUCK_AFTER * 2
        session.execute(update(Job).values(created_at=past, due_at=past, ring_at=func.now() + STUCK_AFTER))
        heartbeats.record(session, "scheduler", Part.SCHEDULER)


def test_a_worker_that_hears_nothing_is_found_out(custom_settings: Settings, world: World) -> None:
    watch = Watchdog(custom_settings, "host-1", silent(Pulse()), end_stuck=lambda: None)
    assert not watch.check()  # Nothing to receive.
    world.invite()
    assert not watch.check()  # Not for long enough.
    ignore_for_long(world)
    assert watch.check()


def test_a_worker_is_not_deaf_while_it_works_or_no_one_dispatches(custom_settings: Settings, world: World) -> None:
    world.invite()
    ignore_for_long(world)
    assert not Watchdog(custom_settings, "host-1", Pulse(), end_stuck=lambda: None).check()
    away = custom_settings.model_copy(update={"broker_url": "redis://127.0.0.1:1/0"})
    assert not Watchdog(away, "host-1", silent(Pulse()), end_stuck=lambda: None).check()
    with transaction(world.sessions) as session:
        heartbeats.end(session, "scheduler")
    assert not Watchdog(custom_settings, "host-1", silent(Pulse()), end_stuck=lambda: None).check()


def test_a_watch_says_that_its_worker_lives(custom_settings: Settings, world: World) -> None:
    Watchdog(custom_settings, "host-1", Pulse(), end_stuck=lambda: None).check()
    with world.sessions() as session:
        (seen,) = heartbeats.list_alive(session)
    assert (seen.name, seen.part, seen.data) == ("host-1", "worker", {"processes": 2})
