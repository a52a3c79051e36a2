"""`usher import`: everybody in a CSV file is invited, once, and what came of each row can be read."""

import csv
from pathlib import Path

from click.testing import CliRunner, Result
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from shared.cli import main
from shared.config import Settings
from shared.models import Invitation, Job
from tests.conftest import environment

OWNER = ("account", "create", "Acme", "--owner", "alice@corp.example")
TERMS = ("--amount", "1000", "--starts-on", "2026-01-01", "--ends-on", "2031-12-31")


def usher(settings: Settings, *words: str) -> Result:
    return CliRunner().invoke(main, words, env=environment(settings))


def acme(settings: Settings) -> str:
    account = usher(settings, *OWNER).stdout.strip()
    assert usher(settings, "contract", "set", account, *TERMS).exit_code == 0
    return account


def test_a_file_is_imported_and_running_it_again_invites_nobody_twice(
    settings: Settings, sessions: sessionmaker[Session], tmp_path: Path
) -> None:
    account, file = acme(settings), tmp_path / "team.csv"
    guests = "".join(f"guest{number}@corp.example,support,\n" for number in range(1200))
    file.write_text(
        "\ufeffEmail,Role,Message\n"
        'bob@corp.example,developer,"Hello, Bob"\n'
        "dora@gmail.com,developer,\n"
        "=cmd@corp.example,king,\n"
        "alice@corp.example,support,\n" + guests,
        encoding="utf-8",
    )
    first = usher(settings, "import", account, str(file))
    assert first.exit_code == 0, first.output
    assert "1201 of 1204 are invited" in first.stdout
    lines = list(csv.DictReader((tmp_path / "team.result.csv").read_text(encoding="utf-8").splitlines()))
    assert len(lines) == 1204
    assert [(line["outcome"], line["code"]) for line in lines[:4]] == [
        ("invited", ""),
        ("refused", "domain_personal"),
        ("refused", "validation_failed"),
        ("refused", "already_member"),
    ]
    assert lines[2]["email"].startswith("'=")
    assert "1201" not in usher(settings, "import", account, str(file)).stdout
    with sessions() as session:
        assert session.scalar(select(func.count()).select_from(Invitation)) == 1201
        assert session.scalar(select(func.count()).select_from(Job).where(Job.kind == "invitation.check")) == 1201
        bob = session.scalars(select(Invitation).where(Invitation.email == "bob@corp.example")).one()
    assert (bob.role, bob.message) == ("developer", "Hello, Bob")


def test_a_file_without_addresses_and_an_account_that_is_not_there_are_one_line(
    settings: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "team.csv"
    file.write_text("name,role\nBob,developer\n")
    unreadable = usher(settings, "import", acme(settings), str(file))
    assert unreadable.exit_code != 0
    assert "email, role, message" in unreadable.output
    file.write_text("email,role\nbob@corp.example,developer\n")
    unknown = usher(settings, "import", "acc_unknown", str(file))
    assert (unknown.exit_code, unknown.stderr.strip()) == (1, "There is no such account.")
