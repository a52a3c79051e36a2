"""The journal of a killed process: its successor finds it, never by mistake, and damage never stops it."""

import os
import signal
from pathlib import Path

from worker.sent_journal import Leftover, SentJournal, find_leftovers, unrecorded


def die_with(folder: Path, *notes: tuple[str, str, str], tail: bytes = b"") -> None:
    """A process that writes these notes and is killed, with `tail` at the end of its file."""
    pid = os.fork()
    if not pid:
        journal = SentJournal(folder, "host/7/")
        for note in notes:
            journal.note(*note)
        os.write(journal._file, tail)
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(pid, 0)


def test_the_next_process_finds_what_was_taken_once(tmp_path: Path) -> None:
    die_with(tmp_path, ("host/7/1", "job_a", "250 ok"), ("host/7/2", "job_b", "250 ok"))
    taken = {"host/7/1": {"job_a": "250 ok"}, "host/7/2": {"job_b": "250 ok"}}
    assert list(find_leftovers(tmp_path)) == [Leftover("host/7/", taken)]
    assert list(find_leftovers(tmp_path)) == []


def test_a_living_process_is_left_alone(tmp_path: Path) -> None:
    journal = SentJournal(tmp_path, "host/8/")
    journal.note("host/8/1", "job_a", "250 ok")
    assert list(find_leftovers(tmp_path)) == []
    journal.forget()
    journal.close()
    assert list(tmp_path.iterdir()) == []


def test_what_a_living_process_could_not_record_yet_can_be_read(tmp_path: Path) -> None:
    journal = SentJournal(tmp_path, "host/8/")
    assert unrecorded(tmp_path) == {}
    journal.note("host/8/1", "job_a", "250 ok")
    journal.note("host/8/2", "job_b", "250 fine")
    assert unrecorded(tmp_path) == {"job_a": "250 ok", "job_b": "250 fine"}
    journal.forget()
    assert unrecorded(tmp_path) == {}
    journal.close()


def test_what_a_stopping_process_could_not_record_is_left_for_the_next(tmp_path: Path) -> None:
    journal = SentJournal(tmp_path, "host/8/")
    journal.note("host/8/1", "job_a", "250 ok")
    journal.close()
    assert list(find_leftovers(tmp_path)) == [Leftover("host/8/", {"host/8/1": {"job_a": "250 ok"}})]


def test_what_was_not_taken_up_is_still_there(tmp_path: Path) -> None:
    die_with(tmp_path, ("host/7/1", "job_a", "250 ok"))
    for _ in find_leftovers(tmp_path):
        break  # As when the database becomes unavailable meanwhile.
    assert [left.owners for left in find_leftovers(tmp_path)] == ["host/7/"]


def test_a_line_that_is_no_line_spoils_nothing(tmp_path: Path) -> None:
    die_with(tmp_path, ("host/7/1", "job_a", "250 ok"), tail=b'["host/7/1", "jo["host/7/1"]\n\xff\n["host/7/1"')
    assert [left.sent for left in find_leftovers(tmp_path)] == [{"host/7/1": {"job_a": "250 ok"}}]


def test_a_folder_that_others_can_write_to_is_not_believed(tmp_path: Path) -> None:
    folder = tmp_path / "open"
    die_with(folder, ("host/7/1", "job_a", "250 ok"))
    folder.chmod(0o777)
    assert list(find_leftovers(folder)) == []
    journal = SentJournal(folder, "host/8/")
    journal.note("host/8/1", "job_a", "250 ok")
    assert len(list(folder.iterdir())) == 1


def test_where_no_folder_is_nothing_was_left(tmp_path: Path) -> None:
    assert list(find_leftovers(tmp_path / "none")) == []
