"""Checking and mailing, against a real database and a real mail server."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import delete, func, select, text, update
from sqlalchemy.orm import Session, sessionmaker

from shared.actor import SYSTEM, Actor, ActorKind
from shared.config import Settings
from shared.db import transaction
from shared.ids import new_id
from shared.models import (
    Contract,
    Delivery,
    Invitation,
    Job,
    JobKind,
    JobState,
    Membership,
    Signup,
    Status,
    User,
)
from shared.permissions import Role
from shared.services import api_keys, asking, deliveries, jobs, oversight, ringing, suppressions
from shared.services.rules import Rules
from shared.tokens import Purpose, derive, sha256
from tests.cli.processes import eventually
from tests.smtp_server import DROP, SmtpServer
from tests.worker.world import World
from worker.runtime import Runtime
from worker.tasks.checks import FEW, check
from worker.tasks.housekeeping import expire, sweep
from worker.tasks.mail import mail
from worker.tasks.rounds import MAX_ATTEMPTS

CHECK, MAIL = JobKind.INVITATION_CHECK, JobKind.INVITATION_MAIL


def check_all(runtime: Runtime, world: World) -> None:
    check(runtime, world.job_ids(CHECK))


def mail_all(runtime: Runtime, world: World) -> None:
    mail(runtime, world.job_ids(MAIL))


def due_now(sessions: sessionmaker[Session]) -> None:
    with transaction(sessions) as session:
        session.execute(update(Job).where(Job.state == JobState.QUEUED).values(due_at=func.now(), ring_at=func.now()))


@contextmanager
def another(told: Settings, rules: Rules, **options: object) -> Iterator[Runtime]:
    """A second worker's runtime."""
    runtime = Runtime(told, rules, name="another", **({"stopping": lambda: False} | options))  # type: ignore[arg-type]
    try:
        yield runtime
    finally:
        runtime.close()


def spoil(sessions: sessionmaker[Session], invitation: Invitation) -> None:
    """Have the database refuse every change of this row."""
    with transaction(sessions) as session:
        session.execute(
            text(
                "CREATE FUNCTION spoilt() RETURNS trigger LANGUAGE plpgsql AS "
                "$$ BEGIN RAISE EXCEPTION 'this row is spoilt'; END $$"
            )
        )
        session.execute(
            text(
                "CREATE TRIGGER spoilt BEFORE UPDATE ON invitations FOR EACH ROW "
                f"WHEN (OLD.id = '{invitation.id}') EXECUTE FUNCTION spoilt()"
            )
        )


def test_an_invitation_is_checked_mailed_and_recorded(runtime: Runtime, world: World, smtp: SmtpServer) -> None:
    invitation = world.invite(message="Join us!")
    check_all(runtime, world)
    mail_all(runtime, world)
    (sent,) = smtp.mails
    token = derive(runtime.settings.secret_keys[0], Purpose.INVITATION, invitation.id, 1)
    assert sent.recipient == "bob@corp.example"
    assert f"http://localhost:8000/i/{token}" in sent.body("plain")
    now = world.again(invitation)
    assert (now.status, now.delivery, now.sent_count) == (Status.PENDING, Delivery.SENT, 1)
    assert now.last_sent_at is not None
    assert [job.state for job in world.jobs()] == [JobState.DONE, JobState.DONE]
    assert world.actions(invitation) == ["invitation.created", "invitation.checked", "invitation.sent"]
    assert world.events(invitation)[-1].data["said"] == "250 2.0.0 taken"
    assert token not in str([event.data for event in world.events(invitation)])


def test_an_invitation_that_fails_its_check_is_blocked_and_never_mailed(runtime: Runtime, world: World) -> None:
    invitation = world.invite()
    with transaction(world.sessions) as session:
        session.execute(delete(Contract))
    check_all(runtime, world)
    assert world.again(invitation).status == Status.BLOCKED
    assert world.jobs(MAIL) == []


def test_a_second_ring_does_nothing(runtime: Runtime, world: World, smtp: SmtpServer) -> None:
    world.invite()
    for _ in range(3):
        check_all(runtime, world)
        mail_all(runtime, world)
    assert len(smtp.mails) == 1


@pytest.mark.parametrize("status", [Status.REVOKED, Status.ACCEPTED, Status.DECLINED, Status.EXPIRED])
def test_an_invitation_that_ended_before_its_mail_went_is_not_mailed(
    runtime: Runtime, world: World, smtp: SmtpServer, status: Status
) -> None:
    invitation = world.invite()
    check_all(runtime, world)
    with transaction(world.sessions) as session:
        session.execute(update(Invitation).values(status=status))
    mail_all(runtime, world)
    (job,) = world.jobs(MAIL)
    assert smtp.mails == []
    assert job.state == JobState.CANCELLED
    assert status in str(job.last_error)
    assert world.again(invitation).sent_count == 0


def test_only_the_newest_link_is_mailed(runtime: Runtime, world: World, smtp: SmtpServer) -> None:
    world.invite()
    check_all(runtime, world)
    with transaction(world.sessions) as session:
        session.execute(update(Invitation).values(generation=2))
    mail_all(runtime, world)
    assert smtp.mails == []
    assert "newer link" in str(world.jobs(MAIL)[0].last_error)


def test_a_bad_address_is_shown_on_its_invitation_and_the_others_are_mailed(
    runtime: Runtime, world: World, smtp: SmtpServer
) -> None:
    both = world.invite_many("bob@corp.example", "charlie@corp.example")
    check_all(runtime, world)
    smtp.say("RCPT", "550 5.1.1 user unknown")
    mail_all(runtime, world)
    (mailed,) = smtp.mails
    good, bad = sorted(map(world.again, both), key=lambda each: each.email != mailed.recipient)
    assert (good.delivery, bad.delivery) == (Delivery.SENT, Delivery.BOUNCED)
    event = world.events(bad)[-1]
    assert event.action == "invitation.delivery_failed"
    assert "550 5.1.1 user unknown" in event.data["why"]
    assert {job.state for job in world.jobs(MAIL)} == {JobState.DEAD, JobState.DONE}


def test_a_mail_that_is_put_off_waits_in_its_row_and_is_the_same_when_it_goes(
    runtime: Runtime, world: World, smtp: SmtpServer
) -> None:
    invitation = world.invite()
    check_all(runtime, world)
    smtp.say("DOT", "451 4.7.1 greylisted")
    mail_all(runtime, world)
    (job,) = world.jobs(MAIL)
    assert (job.state, job.attempts) == (JobState.QUEUED, 1)
    assert job.due_at > job.created_at + timedelta(seconds=40)
    mail_all(runtime, world)
    assert smtp.mails == []  # Not due yet.
    due_now(world.sessions)
    mail_all(runtime, world)
    assert smtp.mails[0].content == smtp.said_no[0].content
    assert world.again(invitation).delivery == Delivery.SENT


def test_a_mail_server_that_is_away_costs_no_attempt(world: World, settings: Settings) -> None:
    world.invite_many("bob@corp.example", "charlie@corp.example")
    with another(settings, world.rules) as runtime:
        check_all(runtime, world)
        mail_all(runtime, world)
    assert [(job.state, job.attempts) for job in world.jobs(MAIL)] == [(JobState.QUEUED, 0)] * 2
    assert "refused" in str(world.jobs(MAIL)[0].last_error)


def test_a_lost_answer_is_asked_for_again_under_the_same_message_id(
    runtime: Runtime, world: World, smtp: SmtpServer
) -> None:
    world.invite()
    check_all(runtime, world)
    smtp.say("DOT", DROP)
    mail_all(runtime, world)
    due_now(world.sessions)
    mail_all(runtime, world)
    first, second = smtp.mails
    assert first.content == second.content


def test_a_link_whose_key_is_gone_ends_its_job_with_words_that_help(
    world: World, told: Settings, runtime: Runtime, smtp: SmtpServer
) -> None:
    invitation = world.invite()
    check_all(runtime, world)
    rotated = told.model_copy(update={"secret_keys": ("a-new-key-without-the-old-one-behind-it",)})
    with another(rotated, world.rules) as other:
        mail_all(other, world)
    assert smtp.mails == []
    (job,) = world.jobs(MAIL)
    assert job.state == JobState.DEAD
    assert "USHER_SECRET_KEYS" in str(job.last_error)
    assert world.again(invitation).delivery == Delivery.FAILED


def test_a_key_that_moved_down_the_list_still_makes_its_link(
    world: World, told: Settings, runtime: Runtime, smtp: SmtpServer
) -> None:
    world.invite()
    check_all(runtime, world)
    rotated = told.model_copy(update={"secret_keys": ("a-new-key-with-the-old-one-behind-it!", *told.secret_keys)})
    with another(rotated, world.rules) as other:
        mail_all(other, world)
    assert len(smtp.mails) == 1


def test_a_late_finisher_records_nothing(world: World, told: Settings, runtime: Runtime, smtp: SmtpServer) -> None:
    invitation = world.invite()
    check_all(runtime, world)
    ids = world.job_ids(MAIL)
    with runtime.leases.take() as late, another(told, world.rules) as other:
        (job,) = runtime.commit(lambda session: jobs.claim(session, ids, kinds=[MAIL], owner=late.owner))
        run_out(world)
        mail(other, ids)
        with transaction(world.sessions) as session:
            assert jobs.held(session, [job.id], owner=late.owner) == set()
    assert len(smtp.mails) == 1
    assert world.again(invitation).sent_count == 1
    assert world.jobs(MAIL)[0].lost_leases == 1


def run_out(world: World) -> None:
    with transaction(world.sessions) as session:
        past = func.now() - timedelta(seconds=1)
        session.execute(update(Job).where(Job.state == JobState.RUNNING).values(lease_until=past, ring_at=past))


def test_a_lease_that_is_renewed_stays(world: World, runtime: Runtime) -> None:
    world.invite()
    ids = world.job_ids(CHECK)
    with runtime.leases.take() as lease:
        runtime.commit(lambda session: jobs.claim(session, ids, kinds=[CHECK], owner=lease.owner))
        run_out(world)
        runtime.leases.renew()
        with transaction(world.sessions) as session:
            assert jobs.claim(session, ids, kinds=[CHECK], owner="somebody else") == []
            assert jobs.held(session, ids, owner=lease.owner) == set(ids)


def test_what_was_mailed_is_recorded_on_top_of_what_changed_that_very_moment(world: World, runtime: Runtime) -> None:
    """A renewal and a new link are in front of it: it waits for them, and none of its three effects is left out."""
    invitations = world.invite_many("bob@corp.example", "carol@corp.example")
    check_all(runtime, world)
    ids = world.job_ids(MAIL)
    with runtime.leases.take() as lease, ThreadPoolExecutor(1) as pool:
        runtime.commit(lambda session: jobs.claim(session, ids, kinds=[MAIL], owner=lease.owner))
        with transaction(world.sessions) as session:
            jobs.renew(session, owners=[lease.owner])
            session.execute(update(Invitation).values(generation=2, delivery=Delivery.QUEUED))
            said = dict.fromkeys(ids, "250 taken")
            record = partial(deliveries.sent, said=said, owner=lease.owner)
            recording = pool.submit(runtime.commit, record, alone=True)
            eventually(lambda: somebody_waits(world))
        assert recording.result(10) == set(ids)
    assert {job.state for job in world.jobs(MAIL)} == {JobState.DONE}
    for each in map(world.again, invitations):
        assert (each.sent_count, each.generation, each.delivery) == (1, 2, Delivery.QUEUED)
        assert world.actions(each)[-1] == "invitation.sent"


def somebody_waits(world: World) -> bool:
    with world.sessions() as session:
        return bool(session.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")))


def test_one_bad_row_stops_no_check_but_its_own(runtime: Runtime, world: World) -> None:
    bad, *good = world.invite_many(*(f"{name}@corp.example" for name in "abcd"))
    spoil(world.sessions, bad)
    check_all(runtime, world)
    assert [world.again(each).status for each in good] == [Status.PENDING] * 3
    (job,) = [job for job in world.jobs(CHECK) if job.state != JobState.DONE]
    assert (job.state, job.attempts) == (JobState.QUEUED, 1)
    assert "this row is spoilt" in str(job.last_error)


def test_one_bad_row_is_mailed_once_and_stops_no_record_but_its_own(
    runtime: Runtime, world: World, smtp: SmtpServer
) -> None:
    bad, *good = world.invite_many(*(f"{name}@corp.example" for name in "abcd"))
    check_all(runtime, world)
    spoil(world.sessions, bad)
    mail_all(runtime, world)
    due_now(world.sessions)
    mail_all(runtime, world)
    assert len(smtp.mails) == 4
    assert [world.again(each).delivery for each in good] == [Delivery.SENT] * 3
    (job,) = [job for job in world.jobs(MAIL) if job.state != JobState.DONE]
    assert (job.subject_id, job.state) == (bad.id, JobState.DEAD)
    assert "was sent" in str(job.last_error)


def test_a_check_that_always_fails_is_given_up_and_its_invitation_says_so(runtime: Runtime, world: World) -> None:
    invitation = world.invite()
    with transaction(world.sessions) as session:
        # The check can't even read its account any more.
        session.execute(text("ALTER TABLE contracts RENAME TO contracts_elsewhere"))
    for _ in range(MAX_ATTEMPTS):
        due_now(world.sessions)
        check_all(runtime, world)
    (job,) = world.jobs()
    assert (job.state, job.attempts) == (JobState.DEAD, MAX_ATTEMPTS)
    assert world.again(invitation).delivery == Delivery.FAILED
    assert world.actions(invitation)[-1] == "invitation.check_failed"


def test_a_job_whose_workers_keep_dying_is_buried_and_not_taken_again(runtime: Runtime, world: World) -> None:
    invitation = world.invite()
    ids = world.job_ids(CHECK)
    for _ in range(jobs.MAX_LOST_LEASES):
        with transaction(world.sessions) as session:
            assert jobs.claim(session, ids, kinds=[CHECK], owner="doomed")
        run_out(world)
    with transaction(world.sessions) as session:
        assert jobs.claim(session, ids, kinds=[CHECK], owner="doomed") == []
    assert runtime.commit(deliveries.bury_lost) == 1
    assert world.jobs()[0].state == JobState.DEAD
    assert world.again(invitation).delivery == Delivery.FAILED
    assert world.actions(invitation)[-1] == "invitation.check_failed"


def test_a_stopping_worker_finishes_the_mail_in_hand_and_puts_the_rest_back(
    world: World, told: Settings, runtime: Runtime, smtp: SmtpServer
) -> None:
    world.invite_many(*(f"{name}@corp.example" for name in "abcd"))
    check_all(runtime, world)
    with another(told, world.rules, stopping=lambda: len(smtp.mails) >= 2) as stopped:
        mail_all(stopped, world)
    assert [(job.state, job.attempts) for job in world.jobs(MAIL)] == [(JobState.DONE, 1)] * 2 + [
        (JobState.QUEUED, 0)
    ] * 2
    mail_all(runtime, world)
    assert len(smtp.mails) == 4


def test_a_check_nudges_for_its_mail_only_after_the_commit(runtime: Runtime, world: World) -> None:
    world.invite()
    check_all(runtime, world)
    with transaction(world.sessions) as session:
        assert ringing.ring(session, limit=10) == []  # The relay leaves the first second to the nudge.


@pytest.mark.parametrize(("guests", "mailed"), [(FEW, FEW), (FEW + 1, 0)])
def test_a_few_mails_are_carried_by_whoever_checked_and_many_are_left_to_all(
    runtime: Runtime, world: World, smtp: SmtpServer, guests: int, mailed: int
) -> None:
    world.invite_many(*(f"guest{number}@corp.example" for number in range(guests)))
    check(runtime, world.job_ids(CHECK), carries=FEW)
    assert len(smtp.mails) == mailed
    assert [job.state for job in world.jobs(MAIL)].count(JobState.QUEUED) == guests - mailed


@pytest.fixture
def bob(sessions: sessionmaker[Session], settings: Settings) -> User:
    user = User(id=new_id("usr"), email="Bob@corp.example", email_key="bob@corp.example", name="Bob", password_hash="x")
    user.proof_generation = user.reset_generation = 1
    key = settings.secret_keys[0]
    user.proof_hash = sha256(derive(key, Purpose.VERIFICATION, user.id, 1))
    user.reset_hash = sha256(derive(key, Purpose.PASSWORD_RESET, user.id, 1))
    with transaction(sessions) as session:
        session.add(user)
    return user


@pytest.mark.parametrize(
    ("kind", "purpose", "path"),
    [
        (JobKind.VERIFICATION_MAIL, Purpose.VERIFICATION, "verify"),
        (JobKind.PASSWORD_RESET_MAIL, Purpose.PASSWORD_RESET, "reset"),
        (JobKind.SIGNUP_NOTICE_MAIL, None, "login"),
    ],
)
def test_a_person_gets_the_mails_of_their_own_set_up(
    runtime: Runtime, world: World, bob: User, smtp: SmtpServer, kind: JobKind, purpose: Purpose | None, path: str
) -> None:
    with transaction(world.sessions) as session:
        jobs.promise(session, kind, subject_id=bob.id, generation=1 if purpose else 0)
    mail(runtime, world.job_ids(kind))
    (sent,) = smtp.mails
    assert sent.recipient == "Bob@corp.example"
    token = "/" + derive(runtime.settings.secret_keys[0], purpose, bob.id, 1) if purpose else ""
    assert f"http://localhost:8000/{path}{token}" in sent.body("plain")
    assert world.jobs(kind)[0].state == JobState.DONE


def test_an_address_that_is_not_proven_reads_no_word_of_a_strangers_choosing(
    runtime: Runtime, world: World, smtp: SmtpServer
) -> None:
    signup = Signup(id=new_id("usr"), email="bob@corp.example", email_key="bob@corp.example", password_hash="x")
    signup.name, signup.proof_generation = "Claim your prize now", 1
    signup.proof_hash = sha256(derive(runtime.settings.secret_keys[0], Purpose.VERIFICATION, signup.id, 1))
    with transaction(world.sessions) as session:
        session.add(signup)
        jobs.promise(session, JobKind.VERIFICATION_MAIL, subject_id=signup.id, generation=1)
    mail(runtime, world.job_ids(JobKind.VERIFICATION_MAIL))
    (sent,) = smtp.mails
    said = [str(sent.parsed["Subject"]), sent.body("plain"), sent.body("html"), str(sent.parsed["To"])]
    assert not any("prize" in part for part in said)
    assert f"/verify/{derive(runtime.settings.secret_keys[0], Purpose.VERIFICATION, signup.id, 1)}" in said[1]


def test_the_email_for_a_new_password_says_how_many_api_keys_live_on(
    runtime: Runtime, world: World, bob: User, smtp: SmtpServer
) -> None:
    with transaction(world.sessions) as session:
        session.add(Membership(id=new_id("mem"), account_id=world.account.id, user_id=bob.id, role=Role.ADMIN))
        session.flush()
        for _ in range(2):
            made = {"account_id": world.account.id, "name": "a program", "role": Role.ADMIN, "created_by": bob.id}
            api_keys.create(session, actor=SYSTEM, **made)
        jobs.promise(session, JobKind.PASSWORD_RESET_MAIL, subject_id=bob.id, generation=1)
    mail(runtime, world.job_ids(JobKind.PASSWORD_RESET_MAIL))
    (sent,) = smtp.mails
    for part in ("plain", "html"):
        assert "You have 2 active API keys. They keep working" in sent.body(part)


def ask_for_a_new_link(world: World, runtime: Runtime, invitation: Invitation) -> None:
    token = derive(runtime.settings.secret_keys[0], Purpose.INVITATION, invitation.id, 1)
    with transaction(world.sessions) as session:
        asking.ask(session, actor=Actor(ActorKind.ANYONE), token=token)


def test_whoever_invited_reads_who_asks_for_a_new_link_and_where_to_send_it(
    runtime: Runtime, world: World, smtp: SmtpServer
) -> None:
    invitation = world.invite()
    with transaction(world.sessions) as session:
        session.execute(update(Invitation).values(status=Status.EXPIRED))
    ask_for_a_new_link(world, runtime, invitation)
    mail(runtime, world.job_ids(JobKind.NEW_LINK_MAIL))
    mail(runtime, world.job_ids(JobKind.NEW_LINK_MAIL))
    (sent,) = smtp.mails
    assert sent.recipient == "alice@acme.example"
    assert sent.parsed["Subject"] == "bob@corp.example asks for a new invitation to Acme"
    for part in ("plain", "html"):
        text = sent.body(part)
        assert "Hello Alice Chen," in text
        assert "bob@corp.example" in text
        assert "You had invited this address." in text
        assert "The invitation has expired. If they should join, send it again on the page of the team:" in text
        assert f"http://localhost:8000/accounts/{world.account.id}/team" in text
        assert derive(runtime.settings.secret_keys[0], Purpose.INVITATION, invitation.id, 1) not in text
    assert world.jobs(JobKind.NEW_LINK_MAIL)[0].state == JobState.DONE
    assert world.again(invitation).sent_count == 0
    assert world.actions(invitation) == ["invitation.created", "invitation.new_requested"]


@pytest.mark.parametrize("change", [{"status": Status.ACCEPTED}, {"generation": 2}])
def test_a_request_that_was_met_meanwhile_is_not_mailed(
    runtime: Runtime, world: World, smtp: SmtpServer, change: dict[str, object]
) -> None:
    ask_for_a_new_link(world, runtime, world.invite())
    with transaction(world.sessions) as session:
        session.execute(update(Invitation).values(change))
    mail(runtime, world.job_ids(JobKind.NEW_LINK_MAIL))
    assert smtp.mails == []
    assert world.jobs(JobKind.NEW_LINK_MAIL)[0].state == JobState.CANCELLED


def test_an_inviter_nobody_has_is_told_of_no_more_and_the_invitation_is_left_alone(
    runtime: Runtime, world: World, smtp: SmtpServer
) -> None:
    invitation = world.invite()
    ask_for_a_new_link(world, runtime, invitation)
    smtp.say("RCPT", "550 5.1.1 no such user")
    mail(runtime, world.job_ids(JobKind.NEW_LINK_MAIL))
    (job,) = world.jobs(JobKind.NEW_LINK_MAIL)
    assert job.state == JobState.DEAD
    assert world.again(invitation).delivery == Delivery.NONE
    with transaction(world.sessions) as session:
        assert suppressions.among(session, {"alice@acme.example", "bob@corp.example"}).keys() == {"alice@acme.example"}
        oversight.retry(session, actor=Actor(ActorKind.OPERATOR), job_id=job.id)
    assert world.again(invitation).delivery == Delivery.NONE
    mail(runtime, [job.id])
    assert len(smtp.mails) == 1


def test_a_proof_that_was_given_meanwhile_is_not_asked_for_again(
    runtime: Runtime, world: World, bob: User, smtp: SmtpServer
) -> None:
    with transaction(world.sessions) as session:
        jobs.promise(session, JobKind.VERIFICATION_MAIL, subject_id=bob.id, generation=1)
        session.execute(update(User).where(User.id == bob.id).values(proof_hash=None))
    mail(runtime, world.job_ids(JobKind.VERIFICATION_MAIL))
    assert smtp.mails == []
    assert world.jobs()[0].state == JobState.CANCELLED


def test_invitations_expire_when_their_time_is_over_and_not_before(runtime: Runtime, world: World) -> None:
    old, young = world.invite_many("bob@corp.example", "charlie@corp.example")
    with transaction(world.sessions) as session:
        session.execute(update(Invitation).where(Invitation.id == old.id).values(expires_at=func.now()))
    expire(runtime)
    expire(runtime)
    assert world.again(old).status == Status.EXPIRED
    assert world.again(old).ended_at is not None
    assert world.actions(old) == ["invitation.created", "invitation.expired"]
    assert world.again(young).status == Status.CHECKING


def test_an_invitation_that_somebody_is_answering_is_left_to_them(runtime: Runtime, world: World) -> None:
    invitation = world.invite()
    with transaction(world.sessions) as session:
        session.execute(update(Invitation).values(expires_at=func.now()))
    with world.sessions() as session, session.begin():
        session.scalars(select(Invitation).with_for_update()).all()
        expire(runtime)
    assert world.again(invitation).status == Status.CHECKING


def test_a_sweep_takes_only_what_is_long_past_its_use(runtime: Runtime, world: World) -> None:
    with transaction(world.sessions) as session:
        session.execute(
            text(
                "INSERT INTO throttles (key, window_ends_at, count) VALUES "
                "('old', now() - interval '1 day', 1), ('new', now(), 1)"
            )
        )
        session.execute(
            text(
                "INSERT INTO mail_domains (domain, answer, source, looked_up_at) VALUES "
                "('old.test', 'mx', 'DNS', now() - interval '31 days'), ('new.test', 'mx', 'DNS', now())"
            )
        )
        session.execute(
            text(
                "INSERT INTO jobs (id, kind, state, subject_id, finished_at) "
                "SELECT state || days, 'invitation.mail', state, 'inv_1', now() - days * interval '1 day' "
                "FROM unnest(ARRAY['done', 'cancelled', 'dead']) AS state, unnest(ARRAY[89, 91]) AS days"
            )
        )
    sweep(runtime)
    with world.sessions() as session:
        kept = session.execute(text("SELECT id FROM jobs WHERE subject_id = 'inv_1' ORDER BY id")).scalars().all()
        assert kept == ["cancelled89", "dead89", "dead91", "done89"]
        assert session.execute(text("SELECT key FROM throttles")).scalars().all() == ["new"]
        assert session.execute(text("SELECT domain FROM mail_domains")).scalars().all() == ["new.test"]
