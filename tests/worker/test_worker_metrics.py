"""Prometheus metrics of workers, each produced, and read as Prometheus reads it."""

from datetime import timedelta

from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from shared.db.transaction import transaction
from shared.jobs import queue
from shared.models import Contract
from shared.settings.settings import Settings
from tests.smtp_server import SmtpServer
from tests.worker.test_tasks import MAIL, another, check_all, due_now, mail_all, run_out, spoil
from tests.worker.world import World
from worker.context import WorkerContext
from worker.tasks.mail import send_emails


def figure(name: str, **labels: str) -> float:
    """The sample with this name and these labels; 0 if nothing was counted yet."""
    for family in text_string_to_metric_families(generate_latest().decode()):
        for sample in family.samples:
            if (sample.name, sample.labels) == (name, labels):
                return sample.value
    return 0.0


def test_each_answer_of_the_mail_server_is_counted_by_its_class(
    context: WorkerContext, world: World, smtp: SmtpServer
) -> None:
    names = ("delivered", "address", "later")
    before = {name: figure("usher_smtp_replies_total", outcome=name) for name in names}
    timed = figure("usher_request_to_mail_seconds_count", kind="invitation.mail")
    world.invite_many(*(f"{name}@corp.example" for name in "abc"))
    check_all(context, world)
    smtp.say("RCPT", "550 5.1.1 no such user")
    smtp.say("RCPT", "450 4.7.1 greylisted")
    mail_all(context, world)
    assert {name: figure("usher_smtp_replies_total", outcome=name) - before[name] for name in names} == dict.fromkeys(
        names, 1
    )
    assert figure("usher_request_to_mail_seconds_count", kind="invitation.mail") - timed == 1
    due_now(world.sessions)
    mail_all(context, world)
    assert figure("usher_smtp_replies_total", outcome="delivered") - before["delivered"] == 2


def test_rounds_and_the_time_at_the_mail_server_are_counted(context: WorkerContext, world: World) -> None:
    tasks, timed = ("check", "mail"), figure("usher_smtp_seconds_count")
    rounds = [figure("usher_rounds_total", task=task) for task in tasks]
    world.invite()
    check_all(context, world)
    mail_all(context, world)
    assert [figure("usher_rounds_total", task=task) for task in tasks] == [before + 1 for before in rounds]
    assert figure("usher_smtp_seconds_count") - timed == 1


def test_verdicts_are_counted_by_check_and_reason(context: WorkerContext, world: World) -> None:
    fine = {"check": "domain", "verdict": "allow", "reason": ""}
    ended = {"check": "eligibility", "verdict": "deny", "reason": "contract_ended"}
    before = figure("usher_check_verdicts_total", **fine), figure("usher_check_verdicts_total", **ended)
    world.invite_many("bob@corp.example", "dora@corp.example")
    with transaction(world.sessions) as session:
        contract = session.get_one(Contract, world.account.id)
        contract.starts_on -= timedelta(days=400)
        contract.ends_on -= timedelta(days=400)
    check_all(context, world)
    assert figure("usher_check_verdicts_total", **fine) - before[0] == 2
    assert figure("usher_check_verdicts_total", **ended) - before[1] == 2


def test_a_job_that_fails_as_no_one_foresaw_is_counted(context: WorkerContext, world: World) -> None:
    before = figure("usher_unforeseen_errors_total")
    spoil(world.sessions, world.invite())
    check_all(context, world)
    assert figure("usher_unforeseen_errors_total") - before == 1


def test_a_completion_that_comes_too_late_is_counted(
    world: World, custom_settings: Settings, context: WorkerContext, smtp: SmtpServer
) -> None:
    before = figure("usher_late_completions_total")
    world.invite_many("bob@corp.example", "dora@corp.example")
    check_all(context, world)
    ids = world.job_ids(MAIL)

    def lease_is_lost() -> bool:
        """Called before each email: after the first one, another worker takes the second one's job."""
        if smtp.emails:
            run_out(world)
            with transaction(world.sessions) as session:
                queue.claim(session, ids, kinds=[MAIL], owner="another worker")
        return False

    with another(custom_settings, world.rules, stopping=lease_is_lost) as slow:
        send_emails(slow, ids)
    assert len(smtp.emails) == 2
    assert figure("usher_late_completions_total") > before
    assert world.jobs(MAIL)[1].lease_owner == "another worker"
