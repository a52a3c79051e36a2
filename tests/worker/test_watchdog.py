"""A part that hangs in a call exits, and its supervisor starts it again."""

import subprocess
import sys
import time

PROGRAM = """
import sys, time
from worker.hang_guard import Watchdog

watchdog = Watchdog(limit=1.0)
watchdog.start()
for _ in range(int(sys.argv[1])):
    time.sleep(0.1)
    watchdog.feed()

def hang():
    time.sleep(60)

if sys.argv[2] == "hang":
    hang()
watchdog.close()
"""


def run(*arguments: str) -> tuple[subprocess.CompletedProcess, float]:
    began = time.monotonic()
    command = [sys.executable, "-c", PROGRAM, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=30), time.monotonic() - began


def test_a_process_that_hangs_says_where_and_ends():
    done, seconds = run("0", "hang")
    assert done.returncode == 1
    assert "hangs in one call" in done.stdout + done.stderr
    assert "in hang" in done.stdout + done.stderr
    assert seconds < 10


def test_a_process_that_gets_on_is_left_alone():
    done, _ = run("20", "end")
    assert (done.returncode, done.stderr) == (0, "")
