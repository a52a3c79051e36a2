import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from processes import alive, eventually

from shared.cli.embedded.process import CannotStart, Command
from shared.cli.embedded.supervisor import Supervisor

# A part that writes down its process id and that of its child, then sleeps.
NOTES_ITSELF = "sleep 60 & echo $$ $! > {note}; wait"
IGNORES_US = "trap '' TERM; echo $$ > {note}; while true; do sleep 1; done"


def shell(script: str, note: Path) -> Command:
    return Command(("/bin/sh", "-c", script.format(note=note)))


def noted(note: Path) -> list[int]:
    return [int(word) for word in note.read_text().split()] if note.exists() else []


@pytest.fixture
def note(tmp_path: Path) -> Path:
    return tmp_path / "note"


def test_a_killed_part_is_started_again_however_often(tmp_path: Path, note: Path) -> None:
    with Supervisor(tmp_path) as supervisor:
        supervisor.start("sleeper", shell(NOTES_ITSELF, note), layer=0)
        for _ in range(3):
            supervisor.wait_for("sleeper", lambda: noted(note))
            (pid, _child), _ = noted(note), note.unlink()
            os.kill(pid, signal.SIGKILL)
        supervisor.wait_for("sleeper", lambda: noted(note) and noted(note)[0] != pid)


def test_what_a_killed_part_has_started_ends_with_it(tmp_path: Path, note: Path) -> None:
    with Supervisor(tmp_path) as supervisor:
        supervisor.start("sleeper", shell(NOTES_ITSELF, note), layer=0)
        supervisor.wait_for("sleeper", lambda: noted(note))
        (pid, child), _ = noted(note), note.unlink()
        os.kill(pid, signal.SIGKILL)
        supervisor.wait_for("sleeper", lambda: noted(note))
        assert not alive(child)


def test_a_part_that_cannot_start_ends_the_run_with_its_last_words(tmp_path: Path) -> None:
    with Supervisor(tmp_path) as supervisor:
        supervisor.start("broken", Command(("/bin/sh", "-c", "echo no such luck; exit 1")), layer=0)
        with pytest.raises(CannotStart, match="broken doesn't start: no such luck"):
            supervisor.wait_for("broken", lambda: False)


def test_a_part_that_will_not_stop_is_ended(tmp_path: Path, note: Path) -> None:
    with Supervisor(tmp_path, patience=0.5) as supervisor:
        supervisor.start("stubborn", shell(IGNORES_US, note), layer=0)
        supervisor.wait_for("stubborn", lambda: noted(note))
    assert not alive(noted(note)[0])


def test_sigterm_ends_the_block_and_all_parts(tmp_path: Path, note: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    with Supervisor(tmp_path) as supervisor:
        supervisor.start("sleeper", shell(NOTES_ITSELF, note), layer=0)
        supervisor.wait_for("sleeper", lambda: noted(note))
        os.kill(os.getpid(), signal.SIGTERM)
        supervisor.watch()
    assert not any(alive(pid) for pid in noted(note))
    assert signal.getsignal(signal.SIGTERM) == before


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children of their starter's death")
def test_parts_end_when_their_supervisor_is_killed(tmp_path: Path, note: Path) -> None:
    script = textwrap.dedent("""
        import sys
        from pathlib import Path
        from shared.cli.embedded.process import Command
        from shared.cli.embedded.supervisor import Supervisor
        with Supervisor(Path(sys.argv[1])) as supervisor:
            supervisor.start("sleeper", Command(("/bin/sh", "-c", sys.argv[2])), layer=0)
            supervisor.watch()
    """)
    words = f"echo $$ > {note}; exec sleep 60"
    with subprocess.Popen([sys.executable, "-c", script, str(tmp_path), words]) as supervisor:
        eventually(lambda: noted(note))
        supervisor.kill()
    eventually(lambda: not alive(noted(note)[0]))
