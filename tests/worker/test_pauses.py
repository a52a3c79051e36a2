"""Mails held back: a domain that takes no more or is slow, and a server that refuses us; and whose turn it is."""

import struct
import time

import pytest
from sqlalchemy import func, select, update

from shared.config import Settings
from shared.db import transaction
from shared.models import ALL_MAIL, Delivery, Invitation, Job, JobKind, JobState, Part, Pause
from shared.permissions import Role
from shared.services import heartbeats, pauses, ringing
from tests.smtp_server import SmtpServer
from tests.worker.test_tasks import another, check_all, due_now, mail_all
from tests.worker.world import World
from worker.runtime import Runtime
from worker.tasks.mail import mail
from worker.watch import DEAF_AFTER, Pulse, Watch

CHECK, MAIL = JobKind.INVITATION_CHECK, JobKind.INVITATION_MAIL


def states(world: World) -> dict[str, tuple[str, int]]:
    """State and attempts of each mail's job, by the address it goes to."""
    query = select(Invitation.email, Job.state, Job.attempts).join(Job, Job.subject_id == Invitation.id)
    with world.sessions() as session:
        return {row.email: (row.state, row.attempts) for row in session.execute(query.where(Job.kind == MAIL))}


def held(world: World) -> dict[str, str]:
    with world.sessions() as session:
        return {each.lane: each.why for each in pauses.in_force(session)}


def end_pauses(world: World) -> None:
    with transaction(world.sessions) as session:
        session.execute(update(Pause).values(until=func.now()))
    due_now(world.sessions)


def test_a_domain_that_takes_no_more_rests_and_the_others_are_mailed(
    runtime: Runtime, world: World, smtp: SmtpServer
) -> None:
    world.invite_many("a@slow.example", "b@slow.example", "c@quick.example")
    check_all(runtime, world)
    smtp.say("RCPT", "421 4.7.28 unusual rate of mail")
    first = next(job for job in world.jobs(MAIL) if job.lane == "slow.example")
    mail(runtime, [first.id])
    mail_all(runtime, world)
    assert [sent.recipient for sent in smtp.mails] == ["c@quick.example"]
    assert "unusual rate" in held(world)["slow.example"]
    assert sorted(states(world).values()) == [("done", 1), ("queued", 0), ("queued", 1)]
    with transaction(world.sessions) as session:
        session.execute(update(Job).values(ring_at=func.now()))
        assert ringing.ring(session, limit=10) == []
    end_pauses(world)
    mail_all(runtime, world)
    assert len(smtp.mails) == 3


def test_a_server_that_refuses_our_password_pauses_all_mails_and_fails_none(world: World, told: Settings) -> None:
    with SmtpServer(login=("usher", "right")) as server:
        wrong = told.model_copy(update={"smtp_url": server.url("?starttls=off", credentials="usher:wrong@")})
        world.invite_many(*(f"guest{number}@corp.example" for number in range(5)))
        with another(wrong, world.rules) as runtime:
            check_all(runtime, world)
            mail_all(runtime, world)
            tried = server.connections
            mail_all(runtime, world)
        assert server.connections == tried == 1  # Nobody asks again before the pause is over.
        assert set(states(world).values()) == {(JobState.QUEUED, 0)}
        assert "SMTP_URL" in held(world)[ALL_MAIL]
        end_pauses(world)
        right = told.model_copy(update={"smtp_url": server.url("?starttls=off", credentials="usher:right@")})
        with another(right, world.rules) as runtime:
            mail_all(runtime, world)
        assert len(server.mails) == 5


def test_an_address_that_bounced_is_not_mailed_again_by_anybody(
    runtime: Runtime, world: World, smtp: SmtpServer
) -> None:
    invitation = world.invite("gone@corp.example")
    check_all(runtime, world)
    smtp.say("RCPT", "550 5.1.1 user unknown")
    mail_all(runtime, world)
    with transaction(world.sessions) as session:
        session.execute(update(Invitation).values(status="revoked"))
    again = world.invite("Gone@corp.example")
    check_all(runtime, world)
    mail_all(runtime, world)
    assert smtp.mails == []
    assert [world.again(each).delivery for each in (invitation, again)] == [Delivery.BOUNCED, Delivery.SUPPRESSED]
    assert "user unknown" in world.events(again)[-1].data["why"]


@pytest.mark.parametrize(("reply", "times"), [("550 5.7.26 unauthenticated mail", 1), ("552 5.2.2 over quota", 2)])
def test_what_is_no_fault_of_the_address_suppresses_nothing(
    runtime: Runtime, world: World, smtp: SmtpServer, reply: str, times: int
) -> None:
    invitation = world.invite()
    check_all(runtime, world)
    smtp.say("RCPT", reply, times=times)
    for _ in range(times):
        mail_all(runtime, world)
        due_now(world.sessions)
    assert world.again(invitation).delivery == Delivery.FAILED
    with transaction(world.sessions) as session:
        session.execute(update(Invitation).values(status="revoked"))
    world.invite()
    check_all(runtime, world)
    mail_all(runtime, world)
    assert len(smtp.mails) == 1


def test_a_revocation_and_a_new_role_between_promise_and_send_win(
    runtime: Runtime, world: World, smtp: SmtpServer
) -> None:
    revoked, changed = world.invite_many("a@corp.example", "b@corp.example")
    check_all(runtime, world)
    with transaction(world.sessions) as session:
        session.execute(update(Invitation).where(Invitation.id == revoked.id).values(status="revoked"))
        session.execute(update(Invitation).where(Invitation.id == changed.id).values(role=Role.FINANCE_ANALYST))
    mail_all(runtime, world)
    (sent,) = smtp.mails
    assert (sent.recipient, "finance analyst" in sent.body("plain")) == ("b@corp.example", True)


def test_one_account_of_many_jobs_leaves_another_its_turn(world: World) -> None:
    of = {f"job_{number}": (CHECK, "acc_big") for number in range(100)}
    of |= {"job_small": (CHECK, "acc_small"), "job_people": (JobKind.VERIFICATION_MAIL, None)}
    with transaction(world.sessions) as session:
        for job_id, (kind, account) in of.items():
            session.add(Job(id=job_id, kind=kind, subject_id=job_id, account_id=account, ring_at=func.now()))
    with transaction(world.sessions) as session:
        rung = {job_id for _, job_id in ringing.ring(session, limit=10)}
    assert {"job_small", "job_people"} <= rung
    assert len(rung) == 10


def silent(pulse: Pulse) -> Pulse:
    """A pulse that last beat longer ago than anybody waits."""
    moment = time.monotonic() - DEAF_AFTER.total_seconds() - 1
    pulse._memory[:] = struct.pack("d", moment)
    return pulse


def ignore_for_long(world: World) -> None:
    """Let a job have been due, and rung for, for two minutes."""
    with transaction(world.sessions) as session:
        past = func.now() - DEAF_AFTER * 2
        session.execute(update(Job).values(created_at=past, due_at=past, ring_at=func.now() + DEAF_AFTER))
        heartbeats.beat(session, "scheduler", Part.SCHEDULER)


def test_a_worker_that_hears_nothing_is_found_out(told: Settings, world: World) -> None:
    watch = Watch(told, "host-1", silent(Pulse()), end_deaf=lambda: None)
    assert not watch.look()  # Nothing to hear.
    world.invite()
    assert not watch.look()  # Not for long.
    ignore_for_long(world)
    assert watch.look()


def test_a_worker_is_not_deaf_while_it_works_or_nobody_rings(told: Settings, world: World) -> None:
    world.invite()
    ignore_for_long(world)
    assert not Watch(told, "host-1", Pulse(), end_deaf=lambda: None).look()
    away = told.model_copy(update={"broker_url": "redis://127.0.0.1:1/0"})
    assert not Watch(away, "host-1", silent(Pulse()), end_deaf=lambda: None).look()
    with transaction(world.sessions) as session:
        heartbeats.end(session, "scheduler")
    assert not Watch(told, "host-1", silent(Pulse()), end_deaf=lambda: None).look()


def test_a_watch_says_that_its_worker_lives(told: Settings, world: World) -> None:
    Watch(told, "host-1", Pulse(), end_deaf=lambda: None).look()
    with world.sessions() as session:
        (seen,) = heartbeats.alive(session)
    assert (seen.name, seen.part, seen.data) == ("host-1", "worker", {"processes": 2})
