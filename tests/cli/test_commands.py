from datetime import date

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from shared.accounts import passwords
from shared.cli import main
from shared.models import Account, Contract, Job, JobKind, Membership, User
from shared.settings.settings import Settings
from tests.conftest import environment

TERMS = ("--amount", "1000", "--starts-on", "2026-01-01", "--ends-on", "2026-12-31")


@pytest.fixture
def environ(settings: Settings) -> dict[str, str]:
    """The settings as an operator would write them."""
    return environment(settings)


def usher(*words: str, environ: dict[str, str] | None = None) -> Result:
    return CliRunner().invoke(main, words, env=environ)


def test_help_lists_what_there_is_and_hides_the_mail_catcher() -> None:
    output = usher("--help").output
    for command in ("up", "web", "worker", "scheduler", "migrate", "operator", "account", "contract"):
        assert f"\n  {command} " in output
    assert "mail-catcher" not in output


def test_a_start_with_bad_settings_names_every_problem_and_fails() -> None:
    bad = {"DATABASE_URL": "mysql://x", "INVITATION_TTL": "soon", "MAIL_EVENTS_KEY": "whsec_not-quite-base64"}
    result = usher("web", environ={f"USHER_{name}": value for name, value in bad.items()})
    assert result.exit_code == 1
    for name in (*bad, "BROKER_URL", "SECRET_KEYS"):
        assert f"USHER_{name}" in result.stderr
    assert "Traceback" not in result.output


def test_a_misspelt_setting_is_pointed_out(environ: dict[str, str]) -> None:
    result = usher("migrate", environ=environ | {"USHER_INVITATION_TLL": "7d"})
    assert result.exit_code == 0
    assert "did you mean USHER_INVITATION_TTL?" in result.stderr


def test_a_database_that_is_away_is_one_line(environ: dict[str, str]) -> None:
    result = usher("migrate", environ=environ | {"USHER_DATABASE_URL": "postgresql://127.0.0.1:9/usher"})
    assert result.exit_code == 1
    assert result.stderr.startswith("The database at USHER_DATABASE_URL does not answer")


def test_an_operator_key_is_fresh_each_time() -> None:
    keys = {usher("operator", "create-key").stdout.strip() for _ in range(3)}
    assert len(keys) == 3
    assert all(len(key) >= 32 for key in keys)


def test_an_account_and_an_unknown_owner_are_created(environ: dict[str, str], sessions: sessionmaker[Session]) -> None:
    made = usher("account", "create", "Acme", "--owner", "Alice@corp.example", environ=environ)
    assert made.exit_code == 0, made.output
    with sessions() as session:
        assert session.get_one(Account, made.stdout.strip()).name == "Acme"
        owner = session.scalars(select(User).join(Membership, Membership.user_id == User.id)).one()
        assert (owner.email, owner.email_verified_at is None) == ("Alice@corp.example", False)
        assert session.scalars(select(Job.kind)).all() == [JobKind.PASSWORD_RESET_MAIL]


def test_a_known_owner_keeps_their_password(environ: dict[str, str], sessions: sessionmaker[Session]) -> None:
    usher("account", "create", "Acme", "--owner", "alice@corp.example", environ=environ)
    with sessions.begin() as session:
        session.scalars(select(User)).one().password_hash = passwords.hash_password("alices own")
    assert usher("account", "create", "Second", "--owner", "alice@corp.example", environ=environ).exit_code == 0
    with sessions() as session:
        assert passwords.verify_password("alices own", session.scalars(select(User)).one().password_hash)


def test_an_owner_whose_address_is_none_is_refused(environ: dict[str, str]) -> None:
    result = usher("account", "create", "Acme", "--owner", "alice", environ=environ)
    assert result.exit_code == 2
    assert "--owner" in result.stderr


@pytest.mark.parametrize("name", ["", " ", "a\nb\x07", "x" * 101])
def test_a_name_that_cannot_be_shown_is_refused(environ: dict[str, str], name: str) -> None:
    assert usher("account", "create", name, "--owner", "alice@corp.example", environ=environ).exit_code == 2


def test_a_contract_is_recorded(environ: dict[str, str], sessions: sessionmaker[Session]) -> None:
    account = usher("account", "create", "Acme", "--owner", "alice@corp.example", environ=environ).stdout.strip()
    assert usher("contract", "set", account, *TERMS, environ=environ).exit_code == 0
    with sessions() as session:
        contract = session.get_one(Contract, account)
        assert (contract.amount, contract.currency, contract.ends_on) == (1000, "USD", date(2026, 12, 31))


def test_a_contract_for_no_account_is_one_line(environ: dict[str, str]) -> None:
    result = usher("contract", "set", "acc_none", *TERMS, environ=environ)
    assert (result.exit_code, result.stderr.strip()) == (1, "There is no such account.")


@pytest.mark.parametrize("wrong", ["--amount=-1", "--amount=NaN", "--currency=dollars", "--ends-on=2025-01-01"])
def test_a_contract_that_makes_no_sense_is_refused(environ: dict[str, str], wrong: str) -> None:
    assert usher("contract", "set", "acc_none", *TERMS, wrong, environ=environ).exit_code == 2
