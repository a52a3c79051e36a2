"""A summary of the trials that this machine couldn't run, at the end of the output where it is noticed."""

from typing import Any

import pytest


def pytest_terminal_summary(terminalreporter: Any) -> None:
    skipped: list[pytest.TestReport] = terminalreporter.stats.get("skipped", [])
    if not skipped:
        terminalreporter.write_line("TRIALS: nothing was left out.")
        return
    terminalreporter.section("NOT TRIED ON THIS MACHINE", red=True, bold=True)
    for report in skipped:
        why = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        terminalreporter.write_line(f"{report.nodeid}: {why.removeprefix('Skipped: ')}", red=True)
