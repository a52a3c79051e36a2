"""A worker killed at each named point of its work: nothing is lost, and emails are doubled only after the final dot.

The next worker on this machine continues at once, without waiting for the dead one's leases.

USHER_TEST_ROUNDS sets how often each point is tried; `make faults` tries each twenty times.
"""

import os

import pytest

from shared.models import Delivery, JobState
from shared.settings.settings import Settings
from tests.faults.kill_points import POINTS, die_at, work
from tests.smtp_server import SmtpServer
from tests.worker.world import World
from worker.context import WorkerContext

ROUNDS = int(os.environ.get("USHER_TEST_ROUNDS", "1"))
KILLED = -9


@pytest.mark.parametrize("name", POINTS)
def test_nothing_is_lost_and_only_after_the_dot_is_anything_doubled(
    name: str, custom_settings: Settings, world: World, context: WorkerContext, smtp: SmtpServer
) -> None:
    for number in range(ROUNDS):
        before = len(smtp.emails)
        invitation = world.invite(f"guest{number}@corp.example")
        assert die_at(POINTS[name], custom_settings) == KILLED
        work(context)
        assert world.again(invitation).delivery == Delivery.SENT
        copies = smtp.emails[before:]
        assert 1 <= len(copies) <= (2 if POINTS[name].may_copy else 1)
        assert len({mail.message_id for mail in copies}) == 1
        assert {job.state for job in world.jobs()} == {JobState.DONE}
