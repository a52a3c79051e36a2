"""The audit archive, as the operator runs it: what moves, what stays, and how tampering is detected."""

import gzip
import json
import os
import re
import stat
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from shared.cli import main
from shared.db.transaction import transaction
from tests.cli.processes import eventually
from tests.conftest import environment
from tests.web.conftest import Caller, World
from tests.web.test_audit import meddle, seal

USHER = Path(sysconfig.get_path("scripts")) / "usher"
ARCHIVED = "What happened long ago is archived"


class Operator:
    """The operator's commands, with a folder for the archive."""

    def __init__(self, world: World, folder: Path) -> None:
        self.folder = folder
        self.environ = environment(world.settings) | {"USHER_AUDIT_KEPT": "365d"}

    def usher(self, *words: str, **settings: str) -> Result:
        return CliRunner().invoke(main, words, env=self.environ | settings)

    def archives(self, **settings: str) -> Result:
        return self.usher("audit", "archive", str(self.folder), **settings)

    def starts_archiving(self) -> subprocess.Popen[str]:
        environ = {name: value for name, value in os.environ.items() if not name.startswith("USHER_")} | self.environ
        words = [sys.executable, str(USHER), "audit", "archive", str(self.folder)]
        return subprocess.Popen(words, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def verifies(self, *words: str) -> Result:
        return self.usher("audit", "verify", *words, "--archive", str(self.folder))

    def files(self, account_id: str) -> dict[str, list[dict]]:
        """The lines of each of an account's files."""
        found = sorted((self.folder / account_id).iterdir())
        return {file.name: [json.loads(line) for line in gzip.open(file, "rt")] for file in found}


@pytest.fixture
def operator(world: World, tmp_path: Path) -> Operator:
    return Operator(world, tmp_path)


def happen(alice: Caller, account_id: str, times: int) -> None:
    for number in range(times):
        assert alice.patch(f"/v1/accounts/{account_id}", {"name": f"Acme {number} of {times}"}).status_code == 200


def long_ago(world: World, days: int = 400) -> None:
    """Move all unsealed events this many days into the past, and seal them."""
    meddle(
        world,
        f"UPDATE audit_events SET at = at - interval '{days} days' "
        "WHERE account_id IS NOT NULL AND NOT EXISTS (SELECT FROM audit_seals seal WHERE seal.seq = audit_events.seq)",
    )
    seal(world)


def moved(result: Result) -> int:
    """The number of events that a run reports as moved. A thread of another test's app may log something before it."""
    found = re.search(r"^Archived (\d+) events from before", result.stdout, re.MULTILINE)
    assert found, result.output
    return int(found[1])


@pytest.fixture
def old(world: World, alice: Caller, acme: str) -> str:
    """An account with five events from 400 days ago, and two recent ones."""
    happen(alice, acme, 5)
    long_ago(world)
    happen(alice, acme, 2)
    seal(world)
    return acme


def test_old_events_move_into_files_and_the_rest_chains_on(world, alice, operator, old):
    events = alice.get(f"/v1/accounts/{old}/audit-events").json["data"]
    result = operator.archives()
    assert (result.exit_code, moved(result)) == (0, 5), result.output
    shown = alice.get(f"/v1/accounts/{old}/audit-events").json["data"]
    assert [event["position"] for event in shown] == [6, 7]
    (lines,) = operator.files(old).values()
    assert [line["hash"] for line in lines] + [event["hash"] for event in shown] == [event["hash"] for event in events]
    assert lines[4]["data"]["after"]["name"] == "Acme 4 of 5"
    happen(alice, old, 1)
    seal(world)
    for result in (operator.usher("audit", "verify"), operator.verifies(), operator.verifies(old)):
        assert (result.exit_code, f"{old}: 8 events sealed (5 of them archived" in result.stdout) == (0, True)
    assert "not verified" in operator.usher("audit", "verify").stdout
    assert "not verified" not in operator.verifies().stdout


def test_each_run_goes_on_where_the_last_one_ended(world, alice, operator, old):
    operator.archives()
    assert moved(operator.archives()) == 0
    assert moved(operator.archives(USHER_AUDIT_KEPT="90d")) == 0
    happen(alice, old, 3)
    seal(world)
    happen(alice, old, 1)
    long_ago(world, 401)
    # A younger event precedes it, and only the beginning of a chain is moved.
    assert moved(operator.archives()) == 0
    assert list(operator.files(old)) == ["000000000001.jsonl.gz"]
    assert operator.verifies().exit_code == 0


def test_what_belongs_to_no_account_is_archived_too_and_a_file_holds_5000(world, operator):
    meddle(
        world,
        "INSERT INTO audit_events (id, subject_id, action, actor, data, at) SELECT 'evt_' || n, 'usr_1', "
        """'user.signed_in', '{"kind": "user", "id": "usr_1"}', '{"näme": 1.50}', now() - interval '2 years' """
        "FROM generate_series(1, 5001) n",
    )
    while seal(world):
        pass
    assert moved(operator.archives()) == 5001
    assert [len(lines) for lines in operator.files("no-account").values()] == [5000, 1]
    result = operator.verifies()
    assert (result.exit_code, "(no account): 5001 events sealed" in result.stdout) == (0, True), result.output


MANY = 20_000
OTHERS = """
INSERT INTO audit_events (id, account_id, subject_id, action, actor, data)
  SELECT 'evt_' || n, 'acc_other', 'inv_1', 'invitation.created', '{}', '{}' FROM generate_series(1, :many) n;
"""
SEALED = """
INSERT INTO audit_seals (seq, account_id, position, previous_hash, hash)
  SELECT seq, account_id, row_number() OVER (ORDER BY seq), '', '' FROM audit_events WHERE account_id = 'acc_other';
"""


def test_an_archiving_reads_no_other_accounts_events(world, operator, old):
    with transaction(world.sessions) as session:
        session.execute(text(OTHERS), {"many": MANY})
        session.execute(text(SEALED))
        session.execute(text("ANALYZE"))

    def read() -> int:
        world.sessions.kw["bind"].dispose()
        with world.sessions() as session:
            tables = "('audit_events', 'audit_seals')"
            return session.scalar(text(f"SELECT sum(seq_tup_read) FROM pg_stat_user_tables WHERE relname IN {tables}"))

    before = read()
    assert moved(operator.archives()) == 5
    assert read() - before < MANY / 4


def test_the_files_are_for_their_owner_alone(operator, old):
    operator.archives()
    (file,) = (operator.folder / old).iterdir()
    assert [stat.S_IMODE(path.stat().st_mode) for path in (file.parent, file)] == [0o700, 0o600]


def edited(change: Callable[[list[str]], list[str]]) -> Callable[[Path], None]:
    def edit(file: Path) -> None:
        lines = gzip.decompress(file.read_bytes()).decode().splitlines(keepends=True)
        file.write_bytes(gzip.compress("".join(change(lines)).encode()))

    return edit


@pytest.mark.parametrize(
    ("meddled", "fault"),
    [
        (edited(lambda lines: [lines[0], lines[1].replace("127.0.0.1", "10.0.0.1"), *lines[2:]]), "number 2 (evt_"),
        (edited(lambda lines: [*lines[:2], *lines[3:]]), "before number 4 are missing"),
        (edited(lambda lines: [lines[0], lines[2], lines[1], *lines[3:]]), "number 2 comes after number 3"),
        (edited(lambda lines: [lines[0], *lines]), "number 1 comes after number 1"),
        (edited(lambda lines: lines[:-1]), "the files end after event 4"),
        (edited(lambda lines: [*lines[:-1], "{}\n"]), "the entry after number 4 is not a valid event"),
        (edited(lambda lines: []), "the files end after event 0"),
        (lambda file: file.write_bytes(file.read_bytes()[:-20]), "can't be read"),
        (Path.unlink, "the files end after event 0"),
    ],
    ids=["changed", "missing", "reordered", "doubled", "cut short", "no event", "emptied", "damaged", "gone"],
)
def test_a_file_that_was_meddled_with_shows(operator, old, meddled, fault):
    operator.archives()
    meddled(operator.folder / old / "000000000001.jsonl.gz")
    result = operator.verifies(old)
    assert result.exit_code == 1
    assert fault in result.stderr
    assert operator.usher("audit", "verify", old).exit_code == 0


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("UPDATE audit_archives SET position = 4", "before number 6 are missing"),
        ("UPDATE audit_archives SET hash = sha256('x')", "number 6 doesn't link to the one before it"),
        ("DELETE FROM audit_archives", "before number 6 are missing"),
        ("DELETE FROM audit_seals WHERE position = 6", "before number 7 are missing"),
    ],
)
def test_a_database_that_does_not_go_on_where_the_files_end_shows(world, operator, old, statement, fault):
    operator.archives()
    meddle(world, statement)
    result = operator.verifies(old)
    assert result.exit_code == 1
    assert fault in result.stderr


def test_an_account_of_which_only_files_are_left_shows(world, operator, old):
    operator.archives()
    meddle(
        world, *(f"DELETE FROM {table}" for table in ("audit_events", "audit_seals", "audit_chains", "audit_archives"))
    )
    result = operator.verifies()
    assert result.exit_code == 1
    assert "the files end after event 5, and the database begins after event 0" in result.stderr


def test_the_database_deletes_nothing_that_is_not_archived(world, operator, old):
    operator.archives()
    with pytest.raises(DBAPIError, match="append-only"), transaction(world.sessions) as session:
        session.execute(text("DELETE FROM audit_events WHERE account_id = :account"), {"account": old})


def test_a_chain_that_is_not_sound_stays_and_the_others_go(world, alice, operator, old):
    other = world.account(alice, "Other")
    happen(alice, other, 3)
    long_ago(world)
    meddle(
        world,
        f"UPDATE audit_events SET origin = NULL WHERE account_id = '{old}' AND data->'after'->>'name' = 'Acme 3 of 5'",
    )
    result = operator.archives()
    assert (result.exit_code, moved(result)) == (1, 3)
    assert f"{old}: number 4 (evt_" in result.stderr
    assert not (operator.folder / old).exists()
    assert len(alice.get(f"/v1/accounts/{old}/audit-events").json["data"]) == 7


@contextmanager
def held_up(world: World, account_id: str) -> Iterator[None]:
    """Lock one of the account's events, so that the database can't delete it for now."""
    with world.sessions() as other:
        query = "SELECT seq FROM audit_events WHERE account_id = :account ORDER BY seq LIMIT 1 FOR UPDATE"
        other.execute(text(query), {"account": account_id})
        yield


def deletes(world: World) -> bool:
    """True if a session waits for a lock, as a blocked delete does."""
    with world.sessions() as session:
        return bool(session.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")))


def test_killed_between_writing_and_deleting_nothing_is_lost_or_doubled(world, alice, operator, acme):
    happen(alice, acme, 5)
    long_ago(world, 400)
    happen(alice, acme, 2)
    long_ago(world, 100)
    with held_up(world, acme):
        killed = operator.starts_archiving()
        eventually(lambda: deletes(world))
        written = operator.files(acme)
        happen(alice, acme, 1)
        killed.kill()
        killed.communicate()
    assert [len(lines) for lines in written.values()] == [5]
    assert len(alice.get(f"/v1/accounts/{acme}/audit-events").json["data"]) == 8
    assert operator.verifies().exit_code == 0
    # PostgreSQL notices the broken connection only after the delete, and then rolls it back. The file is used as it is,
    # and newly expired events go into another file.
    eventually(lambda: "7 events from before" in operator.archives(USHER_AUDIT_KEPT="90d").stdout)
    assert list(operator.files(acme)) == ["000000000001.jsonl.gz", "000000000006.jsonl.gz"]
    assert operator.files(acme).items() >= written.items()
    seal(world)
    assert [event["position"] for event in alice.get(f"/v1/accounts/{acme}/audit-events").json["data"]] == [8]
    assert operator.verifies().exit_code == 0


def test_two_at_once_do_it_once(world, operator, old):
    with held_up(world, old):
        first = operator.starts_archiving()
        eventually(lambda: deletes(world))
        second = operator.archives()
        assert (second.exit_code, second.stderr.startswith("Another archive run is in progress")) == (1, True)
    output, _ = first.communicate(timeout=20)
    assert (first.returncode, output.startswith("Archived 5 events ")) == (0, True)
    assert operator.verifies().exit_code == 0


def test_a_file_of_another_database_is_neither_replaced_nor_believed(operator, old):
    (operator.folder / old).mkdir()
    stranger = operator.folder / old / "000000000001.jsonl.gz"
    stranger.write_bytes(gzip.compress(b"{}\n"))
    result = operator.archives()
    assert (result.exit_code, moved(result)) == (1, 0)
    assert "differs from the database" in result.stderr
    assert gzip.decompress(stranger.read_bytes()) == b"{}\n"


def test_a_folder_that_cannot_be_written_is_one_line(alice, operator, old):
    (operator.folder / old).write_text("in the way")
    result = operator.archives()
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert "Can't write to" in result.stderr
    assert len(alice.get(f"/v1/accounts/{old}/audit-events").json["data"]) == 7


@pytest.mark.parametrize(
    ("kept", "complaint"), [("soon", "enter a whole number and a unit"), ("89d", "90 days"), ("36501d", "36500 days")]
)
def test_an_age_that_makes_no_sense_is_refused(operator, kept, complaint):
    result = operator.archives(USHER_AUDIT_KEPT=kept)
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()[1:]
    assert "USHER_AUDIT_KEPT: " in line
    assert complaint in line


def test_without_an_age_nothing_goes(operator, old):
    del operator.environ["USHER_AUDIT_KEPT"]
    result = operator.archives()
    assert (result.exit_code, list(operator.folder.iterdir())) == (1, [])
    assert result.stderr.startswith("USHER_AUDIT_KEPT is not set")


def test_a_folder_that_is_not_there_is_refused(operator):
    operator.folder = operator.folder / "not mounted"
    assert operator.archives().exit_code == 2


def test_an_invitation_whose_beginning_is_archived_says_so(world, alice, operator, acme):
    invitation = world.invited(acme, alice, "dora@corp.example")
    long_ago(world)
    recent = world.invited(acme, alice, "emil@corp.example")
    seal(world)
    browser = world.app.test_client()
    browser.set_cookie("usher", alice.token or "")
    pages = [f"/accounts/{acme}/invitations/{invitation}", f"/accounts/{acme}/audit"]
    assert not any(ARCHIVED in browser.get(page).text for page in pages)
    operator.archives()
    assert all(ARCHIVED in browser.get(page).text for page in pages)
    assert "Older events are archived" in operator.usher("why", invitation).stdout
    assert ARCHIVED not in browser.get(f"/accounts/{acme}/invitations/{recent}").text
    assert "Older events are archived" not in operator.usher("why", recent).stdout
    assert alice.get(f"/v1/accounts/{acme}/invitations/{invitation}/events").json["data"] == []
