"""Checking and emailing, with a real database and a real SMTP server."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import delete, func, select, text, update
from sqlalchemy.orm import Session, sessionmaker

from shared.accounts import api_keys
from shared.actor import SYSTEM, Actor, ActorKind
from shared.db.transaction import transaction
from shared.ids import new_id
from shared.invitations import link_requests
from shared.jobs import dispatch, queue
from shared.mail import results, suppressions
from shared.models import Contract, Delivery, Invitation, Job, JobKind, JobState, Membership, Signup, Status, User
from shared.operations import job_admin
from shared.permissions import Role
from shared.policy_context import PolicyContext
from shared.settings.settings import Settings
from shared.tokens import Purpose, derive, sha256
from tests.cli.processes import eventually
from tests.smtp_server import DROP, SmtpServer
from tests.worker.world import World
from worker.context import WorkerContext
from worker.tasks.batch import MAX_ATTEMPTS
from worker.tasks.checks import MAX_EMAILS_TO_SEND, check_invitations
from worker.tasks.mail import send_emails
from worker.tasks.maintenance import delete_old_rows, expire_invitations

CHECK, MAIL = JobKind.INVITATION_CHECK, JobKind.INVITATION_MAIL


def check_all(context: WorkerContext, world: World) -> None:
    check_invitations(context, world.job_ids(CHECK))


def mail_all(context: WorkerContext, world: World) -> None:
    send_emails(context, world.job_ids(MAIL))


def due_now(sessions: sessionmaker[Session]) -> None:
    with transaction(sessions) as session:
        session.execute(update(Job).where(Job.state == JobState.QUEUED).values(due_at=func.now(), ring_at=func.now()))


@contextmanager
def another(custom_settings: Settings, policy: PolicyContext, **options: object) -> Iterator[WorkerContext]:
    """A second worker's context."""
    context = WorkerContext(custom_settings, policy, name="another", **({"stopping": lambda: False} | options))  # type: ignore[arg-type]
    try:
        yield context
    finally:
        context.close()


def spoil(sessions: sessionmaker[Session], invitation: Invitation) -> None:
    """Make the database refuse every change of this row."""
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


def test_an_invitation_is_checked_mailed_and_recorded(context: WorkerContext, world: World, smtp: SmtpServer) -> None:
    invitation = world.invite(message="Join us!")
    check_all(context, world)
    mail_all(context, world)
    (sent,) = smtp.emails
    token = derive(context.settings.secret_keys[0], Purpose.INVITATION, invitation.id, 1)
    assert sent.recipient == "bob@corp.example"
    assert f"http://localhost:8000/i/{token}" in sent.body("plain")
    now = world.again(invitation)
    assert (now.status, now.delivery, now.sent_count) == (Status.PENDING, Delivery.SENT, 1)
    assert now.last_sent_at is not None
    assert [job.state for job in world.jobs()] == [JobState.DONE, JobState.DONE]
    assert world.actions(invitation) == ["invitation.created", "invitation.checked", "invitation.sent"]
    assert world.events(invitation)[-1].data["said"] == "250 2.0.0 taken"
    assert token not in str([event.data for event in world.events(invitation)])


def test_an_invitation_that_fails_its_check_is_blocked_and_never_mailed(context: WorkerContext, world: World) -> None:
    invitation = world.invite()
    with transaction(world.sessions) as session:
        session.execute(delete(Contract))
    check_all(context, world)
    assert world.again(invitation).status == Status.BLOCKED
    assert world.jobs(MAIL) == []


def test_a_second_dispatch_does_nothing(context: WorkerContext, world: World, smtp: SmtpServer) -> None:
    world.invite()
    for _ in range(3):
        check_all(context, world)
        mail_all(context, world)
    assert len(smtp.emails) == 1


@pytest.mark.parametrize("status", [Status.REVOKED, Status.ACCEPTED, Status.DECLINED, Status.EXPIRED])
def test_an_invitation_that_ended_before_its_email_was_sent_is_not_emailed(
    context: WorkerContext, world: World, smtp: SmtpServer, status: Status
) -> None:
    invitation = world.invite()
    check_all(context, world)
    with transaction(world.sessions) as session:
        session.execute(update(Invitation).values(status=status))
    mail_all(context, world)
    (job,) = world.jobs(MAIL)
    assert smtp.emails == []
    assert job.state == JobState.CANCELLED
    assert status in str(job.last_error)
    assert world.again(invitation).sent_count == 0


def test_only_the_newest_link_is_mailed(context: WorkerContext, world: World, smtp: SmtpServer) -> None:
    world.invite()
    check_all(context, world)
    with transaction(world.sessions) as session:
        session.execute(update(Invitation).values(generation=2))
    mail_all(context, world)
    assert smtp.emails == []
    assert "newer link" in str(world.jobs(MAIL)[0].last_error)


def test_a_bad_address_is_shown_on_its_invitation_and_the_others_are_mailed(
    context: WorkerContext, world: World, smtp: SmtpServer
) -> None:
    both = world.invite_many("bob@corp.example", "charlie@corp.example")
    check_all(context, world)
    smtp.say("RCPT", "550 5.1.1 user unknown")
    mail_all(context, world)
    (mailed,) = smtp.emails
    good, bad = sorted(map(world.again, both), key=lambda each: each.email != mailed.recipient)
    assert (good.delivery, bad.delivery) == (Delivery.SENT, Delivery.BOUNCED)
    event = world.events(bad)[-1]
    assert event.action == "invitation.delivery_failed"
    assert "550 5.1.1 user unknown" in event.data["why"]
    assert {job.state for job in world.jobs(MAIL)} == {JobState.DEAD, JobState.DONE}


def test_a_deferred_email_waits_in_its_row_and_is_unchanged_when_it_is_sent(
    context: WorkerContext, world: World, smtp: SmtpServer
) -> None:
    invitation = world.invite()
    check_all(context, world)
    smtp.say("DOT", "451 4.7.1 greylisted")
    mail_all(context, world)
    (job,) = world.jobs(MAIL)
    assert (job.state, job.attempts) == (JobState.QUEUED, 1)
    assert job.due_at > job.created_at + timedelta(seconds=40)
    mail_all(context, world)
    assert smtp.emails == []  # Not due yet.
    due_now(world.sessions)
    mail_all(context, world)
    assert smtp.emails[0].content == smtp.refused[0].content
    assert world.again(invitation).delivery == Delivery.SENT


def test_an_unavailable_mail_server_costs_no_attempt(world: World, settings: Settings) -> None:
    world.invite_many("bob@corp.example", "charlie@corp.example")
    with another(settings, world.rules) as context:
        check_all(context, world)
        mail_all(context, world)
    assert [(job.state, job.attempts) for job in world.jobs(MAIL)] == [(JobState.QUEUED, 0)] * 2
    assert "refused" in str(world.jobs(MAIL)[0].last_error)


def test_a_lost_answer_is_asked_for_again_under_the_same_message_id(
    context: WorkerContext, world: World, smtp: SmtpServer
) -> None:
    world.invite()
    check_all(context, world)
    smtp.say("DOT", DROP)
    mail_all(context, world)
    due_now(world.sessions)
    mail_all(context, world)
    first, second = smtp.emails
    assert first.content == second.content


def test_a_link_whose_key_is_gone_ends_its_job_with_words_that_help(
    world: World, custom_settings: Settings, context: WorkerContext, smtp: SmtpServer
) -> None:
    invitation = world.invite()
    check_all(context, world)
    rotated = custom_settings.model_copy(update={"secret_keys": ("a-new-key-without-the-old-one-behind-it",)})
    with another(rotated, world.rules) as other:
        mail_all(other, world)
    assert smtp.emails == []
    (job,) = world.jobs(MAIL)
    assert job.state == JobState.DEAD
    assert "USHER_SECRET_KEYS" in str(job.last_error)
    assert world.again(invitation).delivery == Delivery.FAILED


def test_a_key_that_moved_down_the_list_still_makes_its_link(
    world: World, custom_settings: Settings, context: WorkerContext, smtp: SmtpServer
) -> None:
    world.invite()
    check_all(context, world)
    rotated = custom_settings.model_copy(
        update={"secret_keys": ("a-new-key-with-the-old-one-behind-it!", *custom_settings.secret_keys)}
    )
    with another(rotated, world.rules) as other:
        mail_all(other, world)
    assert len(smtp.emails) == 1


def test_a_late_finisher_records_nothing(
    world: World, custom_settings: Settings, context: WorkerContext, smtp: SmtpServer
) -> None:
    invitation = world.invite()
    check_all(context, world)
    ids = world.job_ids(MAIL)
    with context.leases.take() as late, another(custom_settings, world.rules) as other:
        (job,) = context.commit(lambda session: queue.claim(session, ids, kinds=[MAIL], owner=late.owner))
        run_out(world)
        send_emails(other, ids)
        with transaction(world.sessions) as session:
            assert queue.lock_held(session, [job.id], owner=late.owner) == set()
    assert len(smtp.emails) == 1
    assert world.again(invitation).sent_count == 1
    assert world.jobs(MAIL)[0].lost_leases == 1


def run_out(world: World) -> None:
    with transaction(world.sessions) as session:
        past = func.now() - timedelta(seconds=1)
        session.execute(update(Job).where(Job.state == JobState.RUNNING).values(lease_until=past, ring_at=past))


def test_a_lease_that_is_renewed_stays(world: World, context: WorkerContext) -> None:
    world.invite()
    ids = world.job_ids(CHECK)
    with context.leases.take() as lease:
        context.commit(lambda session: queue.claim(session, ids, kinds=[CHECK], owner=lease.owner))
        run_out(world)
        context.leases.renew()
        with transaction(world.sessions) as session:
            assert queue.claim(session, ids, kinds=[CHECK], owner="another worker") == []
            assert queue.lock_held(session, ids, owner=lease.owner) == set(ids)


def test_what_was_mailed_is_recorded_on_top_of_what_changed_that_very_moment(
    world: World, context: WorkerContext
) -> None:
    """A renewal and a new link come first. The record waits for them, and keeps all three of its effects."""
    invitations = world.invite_many("bob@corp.example", "carol@corp.example")
    check_all(context, world)
    ids = world.job_ids(MAIL)
    with context.leases.take() as lease, ThreadPoolExecutor(1) as pool:
        context.commit(lambda session: queue.claim(session, ids, kinds=[MAIL], owner=lease.owner))
        with transaction(world.sessions) as session:
            queue.renew(session, owners=[lease.owner])
            session.execute(update(Invitation).values(generation=2, delivery=Delivery.QUEUED))
            replies = dict.fromkeys(ids, "250 taken")
            record = partial(results.record_sent, replies=replies, owner=lease.owner)
            recording = pool.submit(context.commit, record, autocommit=True)
            eventually(lambda: has_waiting_session(world))
        assert recording.result(10) == set(ids)
    assert {job.state for job in world.jobs(MAIL)} == {JobState.DONE}
    for each in map(world.again, invitations):
        assert (each.sent_count, each.generation, each.delivery) == (1, 2, Delivery.QUEUED)
        assert world.actions(each)[-1] == "invitation.sent"


def has_waiting_session(world: World) -> bool:
    with world.sessions() as session:
        return bool(session.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")))


def test_one_bad_row_stops_no_check_but_its_own(context: WorkerContext, world: World) -> None:
    bad, *good = world.invite_many(*(f"{name}@corp.example" for name in "abcd"))
    spoil(world.sessions, bad)
    check_all(context, world)
    assert [world.again(each).status for each in good] == [Status.PENDING] * 3
    (job,) = [job for job in world.jobs(CHECK) if job.state != JobState.DONE]
    assert (job.state, job.attempts) == (JobState.QUEUED, 1)
    assert "this row is spoilt" in str(job.last_error)


def test_one_bad_row_is_mailed_once_and_stops_no_record_but_its_own(
    context: WorkerContext, world: World, smtp: SmtpServer
) -> None:
    bad, *good = world.invite_many(*(f"{name}@corp.example" for name in "abcd"))
    check_all(context, world)
    spoil(world.sessions, bad)
    mail_all(context, world)
    due_now(world.sessions)
    mail_all(context, world)
    assert len(smtp.emails) == 4
    assert [world.again(each).delivery for each in good] == [Delivery.SENT] * 3
    (job,) = [job for job in world.jobs(MAIL) if job.state != JobState.DONE]
    assert (job.subject_id, job.state) == (bad.id, JobState.DEAD)
    assert "was sent" in str(job.last_error)


def test_a_check_that_always_fails_is_given_up_and_its_invitation_says_so(context: WorkerContext, world: World) -> None:
    invitation = world.invite()
    with transaction(world.sessions) as session:
        # The check can't even read its account any more.
        session.execute(text("ALTER TABLE contracts RENAME TO contracts_elsewhere"))
    for _ in range(MAX_ATTEMPTS):
        due_now(world.sessions)
        check_all(context, world)
    (job,) = world.jobs()
    assert (job.state, job.attempts) == (JobState.DEAD, MAX_ATTEMPTS)
    assert world.again(invitation).delivery == Delivery.FAILED
    assert world.actions(invitation)[-1] == "invitation.check_failed"


def test_a_job_whose_workers_keep_dying_is_marked_dead_and_not_taken_again(
    context: WorkerContext, world: World
) -> None:
    invitation = world.invite()
    ids = world.job_ids(CHECK)
    for _ in range(queue.MAX_LOST_LEASES):
        with transaction(world.sessions) as session:
            assert queue.claim(session, ids, kinds=[CHECK], owner="doomed")
        run_out(world)
    with transaction(world.sessions) as session:
        assert queue.claim(session, ids, kinds=[CHECK], owner="doomed") == []
    assert context.commit(results.mark_lost_dead) == 1
    assert world.jobs()[0].state == JobState.DEAD
    assert world.again(invitation).delivery == Delivery.FAILED
    assert world.actions(invitation)[-1] == "invitation.check_failed"


def test_a_stopping_worker_finishes_the_mail_in_hand_and_puts_the_rest_back(
    world: World, custom_settings: Settings, context: WorkerContext, smtp: SmtpServer
) -> None:
    world.invite_many(*(f"{name}@corp.example" for name in "abcd"))
    check_all(context, world)
    with another(custom_settings, world.rules, stopping=lambda: len(smtp.emails) >= 2) as stopped:
        mail_all(stopped, world)
    assert [(job.state, job.attempts) for job in world.jobs(MAIL)] == [(JobState.DONE, 1)] * 2 + [
        (JobState.QUEUED, 0)
    ] * 2
    mail_all(context, world)
    assert len(smtp.emails) == 4


def test_a_check_notifies_of_its_email_only_after_the_commit(context: WorkerContext, world: World) -> None:
    world.invite()
    check_all(context, world)
    with transaction(world.sessions) as session:
        assert dispatch.take_due(session, limit=10) == []  # The scheduler leaves the first second to the notification.


@pytest.mark.parametrize(("guests", "mailed"), [(MAX_EMAILS_TO_SEND, MAX_EMAILS_TO_SEND), (MAX_EMAILS_TO_SEND + 1, 0)])
def test_a_few_emails_are_sent_by_the_worker_that_checked_and_many_are_left_to_all(
    context: WorkerContext, world: World, smtp: SmtpServer, guests: int, mailed: int
) -> None:
    world.invite_many(*(f"guest{number}@corp.example" for number in range(guests)))
    check_invitations(context, world.job_ids(CHECK), send_up_to=MAX_EMAILS_TO_SEND)
    assert len(smtp.emails) == mailed
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
def test_a_person_gets_the_emails_of_their_own_set_up(
    context: WorkerContext, world: World, bob: User, smtp: SmtpServer, kind: JobKind, purpose: Purpose | None, path: str
) -> None:
    with transaction(world.sessions) as session:
        queue.enqueue(session, kind, subject_id=bob.id, generation=1 if purpose else 0)
    send_emails(context, world.job_ids(kind))
    (sent,) = smtp.emails
    assert sent.recipient == "Bob@corp.example"
    token = "/" + derive(context.settings.secret_keys[0], purpose, bob.id, 1) if purpose else ""
    assert f"http://localhost:8000/{path}{token}" in sent.body("plain")
    assert world.jobs(kind)[0].state == JobState.DONE


def test_an_address_that_is_not_proven_reads_no_word_of_a_strangers_choosing(
    context: WorkerContext, world: World, smtp: SmtpServer
) -> None:
    signup = Signup(id=new_id("usr"), email="bob@corp.example", email_key="bob@corp.example", password_hash="x")
    signup.name, signup.proof_generation = "Claim your prize now", 1
    signup.proof_hash = sha256(derive(context.settings.secret_keys[0], Purpose.VERIFICATION, signup.id, 1))
    with transaction(world.sessions) as session:
        session.add(signup)
        queue.enqueue(session, JobKind.VERIFICATION_MAIL, subject_id=signup.id, generation=1)
    send_emails(context, world.job_ids(JobKind.VERIFICATION_MAIL))
    (sent,) = smtp.emails
    replies = [str(sent.parsed["Subject"]), sent.body("plain"), sent.body("html"), str(sent.parsed["To"])]
    assert not any("prize" in part for part in replies)
    assert f"/verify/{derive(context.settings.secret_keys[0], Purpose.VERIFICATION, signup.id, 1)}" in replies[1]


def test_the_email_for_a_new_password_says_how_many_api_keys_live_on(
    context: WorkerContext, world: World, bob: User, smtp: SmtpServer
) -> None:
    with transaction(world.sessions) as session:
        session.add(Membership(id=new_id("mem"), account_id=world.account.id, user_id=bob.id, role=Role.ADMIN))
        session.flush()
        for _ in range(2):
            made = {"account_id": world.account.id, "name": "a program", "role": Role.ADMIN, "created_by": bob.id}
            api_keys.create(session, actor=SYSTEM, **made)
        queue.enqueue(session, JobKind.PASSWORD_RESET_MAIL, subject_id=bob.id, generation=1)
    send_emails(context, world.job_ids(JobKind.PASSWORD_RESET_MAIL))
    (sent,) = smtp.emails
    for part in ("plain", "html"):
        assert "You have 2 active API keys. They keep working" in sent.body(part)


def ask_for_a_new_link(world: World, context: WorkerContext, invitation: Invitation) -> None:
    token = derive(context.settings.secret_keys[0], Purpose.INVITATION, invitation.id, 1)
    with transaction(world.sessions) as session:
        link_requests.request_link(session, actor=Actor(ActorKind.ANYONE), token=token)


def test_the_inviter_reads_who_requests_a_new_link_and_where_to_send_it(
    context: WorkerContext, world: World, smtp: SmtpServer
) -> None:
    invitation = world.invite()
    with transaction(world.sessions) as session:
        session.execute(update(Invitation).values(status=Status.EXPIRED))
    ask_for_a_new_link(world, context, invitation)
    send_emails(context, world.job_ids(JobKind.NEW_LINK_MAIL))
    send_emails(context, world.job_ids(JobKind.NEW_LINK_MAIL))
    (sent,) = smtp.emails
    assert sent.recipient == "alice@acme.example"
    assert sent.parsed["Subject"] == "bob@corp.example asks for a new invitation to Acme"
    for part in ("plain", "html"):
        text = sent.body(part)
        assert "Hello Alice Chen," in text
        assert "bob@corp.example" in text
        assert "You had invited this address." in text
        assert "The invitation has expired. If they should join, send it again on the page of the team:" in text
        assert f"http://localhost:8000/accounts/{world.account.id}/team" in text
        assert derive(context.settings.secret_keys[0], Purpose.INVITATION, invitation.id, 1) not in text
    assert world.jobs(JobKind.NEW_LINK_MAIL)[0].state == JobState.DONE
    assert world.again(invitation).sent_count == 0
    assert world.actions(invitation) == ["invitation.created", "invitation.new_requested"]


@pytest.mark.parametrize("change", [{"status": Status.ACCEPTED}, {"generation": 2}])
def test_a_request_that_was_met_meanwhile_is_not_mailed(
    context: WorkerContext, world: World, smtp: SmtpServer, change: dict[str, object]
) -> None:
    ask_for_a_new_link(world, context, world.invite())
    with transaction(world.sessions) as session:
        session.execute(update(Invitation).values(change))
    send_emails(context, world.job_ids(JobKind.NEW_LINK_MAIL))
    assert smtp.emails == []
    assert world.jobs(JobKind.NEW_LINK_MAIL)[0].state == JobState.CANCELLED


def test_an_inviter_without_a_user_gets_no_email_and_the_invitation_stays(
    context: WorkerContext, world: World, smtp: SmtpServer
) -> None:
    invitation = world.invite()
    ask_for_a_new_link(world, context, invitation)
    smtp.say("RCPT", "550 5.1.1 no such user")
    send_emails(context, world.job_ids(JobKind.NEW_LINK_MAIL))
    (job,) = world.jobs(JobKind.NEW_LINK_MAIL)
    assert job.state == JobState.DEAD
    assert world.again(invitation).delivery == Delivery.NONE
    with transaction(world.sessions) as session:
        assert suppressions.find_suppressed(session, {"alice@acme.example", "bob@corp.example"}).keys() == {
            "alice@acme.example"
        }
        job_admin.retry(session, actor=Actor(ActorKind.OPERATOR), job_id=job.id)
    assert world.again(invitation).delivery == Delivery.NONE
    send_emails(context, [job.id])
    assert len(smtp.emails) == 1


def test_an_address_that_was_verified_meanwhile_gets_no_email(
    context: WorkerContext, world: World, bob: User, smtp: SmtpServer
) -> None:
    with transaction(world.sessions) as session:
        queue.enqueue(session, JobKind.VERIFICATION_MAIL, subject_id=bob.id, generation=1)
        session.execute(update(User).where(User.id == bob.id).values(proof_hash=None))
    send_emails(context, world.job_ids(JobKind.VERIFICATION_MAIL))
    assert smtp.emails == []
    assert world.jobs()[0].state == JobState.CANCELLED


def test_invitations_expire_when_their_time_is_over_and_not_before(context: WorkerContext, world: World) -> None:
    old, young = world.invite_many("bob@corp.example", "charlie@corp.example")
    with transaction(world.sessions) as session:
        session.execute(update(Invitation).where(Invitation.id == old.id).values(expires_at=func.now()))
    expire_invitations(context)
    expire_invitations(context)
    assert world.again(old).status == Status.EXPIRED
    assert world.again(old).ended_at is not None
    assert world.actions(old) == ["invitation.created", "invitation.expired"]
    assert world.again(young).status == Status.CHECKING


def test_an_invitation_that_someone_is_answering_is_left_to_them(context: WorkerContext, world: World) -> None:
    invitation = world.invite()
    with transaction(world.sessions) as session:
        session.execute(update(Invitation).values(expires_at=func.now()))
    with world.sessions() as session, session.begin():
        session.scalars(select(Invitation).with_for_update()).all()
        expire_invitations(context)
    assert world.again(invitation).status == Status.CHECKING


def test_a_sweep_takes_only_what_is_long_past_its_use(context: WorkerContext, world: World) -> None:
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
    delete_old_rows(context)
    with world.sessions() as session:
        kept = session.execute(text("SELECT id FROM jobs WHERE subject_id = 'inv_1' ORDER BY id")).scalars().all()
        assert kept == ["cancelled89", "dead89", "dead91", "done89"]
        assert session.execute(text("SELECT key FROM throttles")).scalars().all() == ["new"]
        assert session.execute(text("SELECT domain FROM mail_domains")).scalars().all() == ["new.test"]
