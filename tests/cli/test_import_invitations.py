"""`usher import`: invites everyone in a file, once, and reports the result of each row."""

import csv
from pathlib import Path

from click.testing import CliRunner, Result
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from shared.cli import main
from shared.models import Invitation, Job
from shared.settings.settings import Settings
from tests.conftest import environment

OWNER = ("account", "create", "Acme", "--owner", "alice@corp.example")
TERMS = ("--amount", "1000", "--starts-on", "2026-01-01", "--ends-on", "2031-12-31")


def usher(settings: Settings, *words: str) -> Result:
    return CliRunner().invoke(main, words, env=environment(settings))


def acme(settings: Settings) -> str:
    account = usher(settings, *OWNER).stdout.strip()
    assert usher(settings, "contract", "set", account, *TERMS).exit_code == 0
    return account


def results(file: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(file.read_text(encoding="utf-8").splitlines()))


def invited(sessions: sessionmaker[Session]) -> dict[str, tuple[str, str | None]]:
    with sessions() as session:
        return {row.email: (row.role, row.message) for row in session.scalars(select(Invitation))}


def test_a_file_is_imported_and_running_it_again_invites_no_one_twice(
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
    assert first.exit_code == 1, first.output
    assert "Invited 1,201 of 1,204 people." in first.stdout
    lines = results(tmp_path / "team.result.csv")
    assert [int(line["line"]) for line in lines] == list(range(2, 1206))
    assert [(line["outcome"], line["code"]) for line in lines[:4]] == [
        ("invited", ""),
        ("refused", "domain_personal"),
        ("refused", "role_unknown"),
        ("refused", "already_member"),
    ]
    assert lines[2]["email"].startswith("'=")
    assert "Invited 0 of 1,204" in usher(settings, "import", account, str(file)).stdout
    with sessions() as session:
        assert session.scalar(select(func.count()).select_from(Invitation)) == 1201
        assert session.scalar(select(func.count()).select_from(Job).where(Job.kind == "invitation.check")) == 1201
    assert invited(sessions)["bob@corp.example"] == ("developer", "Hello, Bob")


def test_a_second_run_keeps_the_results_of_the_first(settings: Settings, tmp_path: Path) -> None:
    account, file, other = acme(settings), tmp_path / "team.csv", tmp_path / "mine.csv"
    file.write_text("email,role\nbob@corp.example,support\n")
    assert usher(settings, "import", account, str(file)).exit_code == 0
    assert usher(settings, "import", account, str(file)).exit_code == 1
    found = [results(tmp_path / name)[0] for name in ("team.result.csv", "team.result-2.csv")]
    assert [(line["line"], line["outcome"], line["code"]) for line in found] == [
        ("2", "invited", ""),
        ("2", "refused", "already_invited"),
    ]
    other.write_text("mine")
    kept = usher(settings, "import", account, str(file), "--result", str(other))
    assert kept.exit_code == 2
    assert other.read_text() == "mine"


def test_a_role_is_for_rows_without_one_and_never_for_an_unknown_one(
    settings: Settings, sessions: sessionmaker[Session], tmp_path: Path
) -> None:
    account, file = acme(settings), tmp_path / "team.csv"
    file.write_text('email,role,message\na@corp.example,viewer,\nb@corp.example,,\nc@corp.example,support,"Hi\n')
    assert "Invited 0 of 3" in usher(settings, "import", account, str(file)).stdout
    codes = [line["code"] for line in results(tmp_path / "team.result.csv")]
    assert codes == ["role_unknown", "role_missing", "quote_not_closed"]
    assert usher(settings, "import", account, str(file), "--role", "owner").exit_code == 2
    assert "Invited 1 of 3" in usher(settings, "import", account, str(file), "--role", "developer").stdout
    assert invited(sessions) == {"b@corp.example": ("developer", None)}


def test_a_file_from_a_german_windows_is_read_and_it_says_so(
    settings: Settings, sessions: sessionmaker[Session], tmp_path: Path
) -> None:
    account, file = acme(settings), tmp_path / "team.csv"
    file.write_bytes("E-Mail;Rolle;Nachricht;Telefon\r\na@corp.example;Entwickler;Grüße;1\r\n".encode("windows-1252"))
    done = usher(settings, "import", account, str(file))
    assert (done.exit_code, done.stderr) == (0, "Read as windows-1252.\nIgnored columns: Telefon.\n")
    assert invited(sessions) == {"a@corp.example": ("developer", "Grüße")}


def test_a_file_without_rows_a_workbook_and_an_account_that_is_not_there_are_one_line(
    settings: Settings, tmp_path: Path
) -> None:
    account, file = acme(settings), tmp_path / "team.csv"
    for content, counts in ((b"\n\n", "no rows"), (b"PK\x03\x04", "Save the sheet as CSV")):
        file.write_bytes(content)
        unreadable = usher(settings, "import", account, str(file))
        assert unreadable.exit_code == 2
        assert counts in unreadable.output
    file.write_text("email,role\nbob@corp.example,developer\n")
    unknown = usher(settings, "import", "acc_unknown", str(file))
    assert (unknown.exit_code, unknown.stderr.strip()) == (1, "There is no such account.")
