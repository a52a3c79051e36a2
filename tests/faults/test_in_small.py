"""The fault plan in small, for every run of the suite; `make faults` runs it in full."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from tests.faults import scenarios
from tests.faults.scenarios import Outcome

SMALL = {
    "chaos": partial(scenarios.chaos, invitations=120, seed=1),
    "restarted": partial(scenarios.restarted_database, invitations=100, times=2),
    "wiped": partial(scenarios.wiped_broker, invitations=80, times=4),
    "rolling": partial(scenarios.rolling_deployment, invitations=100, every=3),
    "away": partial(scenarios.broker_away, invitations=30, seconds=6),
}

Outcomes = dict[str, Future[Outcome]]


@pytest.fixture(scope="module")
def outcomes(servers_folder: Path) -> Iterator[Outcomes]:
    """All of them side by side: most of their time they wait for a lease to run out."""
    with ThreadPoolExecutor(3) as threads:
        yield {name: threads.submit(scenario, servers_folder / name) for name, scenario in SMALL.items()}


def went_well(outcomes: Outcomes, name: str) -> None:
    outcome = outcomes[name].result()
    assert outcome.good, outcome.words


def test_everything_at_once_loses_nothing_and_doubles_hardly_anything(outcomes: Outcomes):
    went_well(outcomes, "chaos")


def test_a_database_that_restarts_again_and_again_loses_and_doubles_nothing(outcomes: Outcomes):
    went_well(outcomes, "restarted")


def test_a_broker_that_is_wiped_again_and_again_loses_and_doubles_nothing(outcomes: Outcomes):
    went_well(outcomes, "wiped")


def test_a_deployment_part_by_part_loses_and_doubles_nothing(outcomes: Outcomes):
    went_well(outcomes, "rolling")


def test_without_the_broker_people_notice_nothing(outcomes: Outcomes):
    went_well(outcomes, "away")
