"""`usher doctor` and `usher jobs`, on healthy and unhealthy installations."""

from collections.abc import Callable

import pytest
from click.testing import CliRunner, Result
from sqlalchemy.orm import Session, sessionmaker

from shared.cli import main
from shared.db.transaction import transaction
from shared.jobs import heartbeats, mail_pauses, queue
from shared.models import ALL_MAIL, JobKind, Part
from shared.settings.settings import Settings
from tests.conftest import environment
from tests.smtp_server import SmtpServer

Usher = Callable[..., Result]


@pytest.fixture
def usher(settings: Settings) -> Usher:
    def run(*arguments: str, **others: str) -> Result:
        return CliRunner().invoke(main, arguments, env=environment(settings) | others)

    return run


@pytest.fixture
def alive(sessions: sessionmaker[Session]) -> None:
    with transaction(sessions) as session:
        heartbeats.record(session, "host-1", Part.WORKER)
        heartbeats.record(session, "host-2", Part.SCHEDULER)


def test_where_everything_is_well_the_doctor_says_so(usher: Usher, alive: None):
    with SmtpServer(login=("usher", "secret")) as server:
        url = server.url("?starttls=off", credentials="usher:secret@")
        result = usher("doctor", USHER_SMTP_URL=url)
    assert result.exit_code == 0, result.output
    assert "wrong" not in result.output
    assert "signed in as usher" in result.output
    assert "secret" not in result.output


def test_the_doctor_names_what_is_wrong_and_how_to_fix_it(usher: Usher):
    result = usher("doctor", USHER_BROKER_URL="redis://127.0.0.1:1/0")
    assert result.exit_code == 1
    for words in ("usher worker", "usher scheduler", "USHER_BROKER_URL", "USHER_SMTP_URL"):
        assert words in result.output


def test_the_doctor_tells_of_a_password_that_the_mail_server_refuses(usher: Usher, alive: None):
    with SmtpServer(login=("usher", "secret")) as server:
        result = usher("doctor", USHER_SMTP_URL=server.url("?starttls=off", credentials="usher:wrong@"))
    assert result.exit_code == 1
    assert "535" in result.output


def test_the_doctor_tells_of_emails_that_are_held_back(usher: Usher, alive: None, sessions: sessionmaker[Session]):
    with transaction(sessions) as session:
        mail_pauses.pause(
            session, ALL_MAIL, duration=heartbeats.SILENT_AFTER, why="The mail server refuses this service."
        )
    result = usher("doctor")
    assert result.exit_code == 1
    assert "all email is paused" in result.output


def test_without_a_database_the_doctor_says_that_too(usher: Usher):
    result = usher("doctor", USHER_DATABASE_URL="postgresql://no_one@127.0.0.1:1/none")
    assert result.exit_code == 1
    assert "USHER_DATABASE_URL" in result.output


def test_jobs_shows_what_waits_and_what_failed(usher: Usher, alive: None, sessions: sessionmaker[Session]):
    with transaction(sessions) as session:
        queue.enqueue(session, JobKind.INVITATION_CHECK, subject_id="inv_1")
        failed = queue.enqueue(session, JobKind.INVITATION_MAIL, subject_id="inv_2")
        session.flush()
        queue.finish(session, [failed.id], state="dead", why="Nobody has this address.")
    result = usher("jobs", "--once")
    assert result.exit_code == 0, result.output
    assert "workers alive: 1" in result.output
    assert f"{failed.id}  invitation.mail: Nobody has this address." in result.output
