"""The database is away for longer than a lease while the mail server has an email: it is sent once."""

import time
from pathlib import Path

from shared.jobs.queue import LEASE
from tests.cli.processes import eventually
from tests.faults.ledger import compare
from tests.faults.scenarios import finish
from tests.faults.service import Service

RUNNING = "SELECT count(*) FROM jobs WHERE state = 'running' AND kind = 'invitation.mail'"


def test_an_email_accepted_while_the_database_was_away_for_long_goes_out_once(tmp_path: Path) -> None:
    with Service(tmp_path, workers=2, sink={"slow": 3.0}) as service:
        service.client.invite("guest@slow.example")
        eventually(lambda: service.rows(RUNNING) == [(1,)], within=30)
        service.hold_down("postgres")
        eventually(lambda: len(service.lines()) == 1, within=30)
        time.sleep(LEASE.total_seconds() + 2)
        service.let_up("postgres")
        finish(service, within=60)
        found = compare(service)
    assert (found.mailed, found.lost, found.open, found.copies) == (1, 0, 0, 0), found
