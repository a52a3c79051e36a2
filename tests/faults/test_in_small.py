"""The fault plan in small, for every run of the suite; `make faults` runs it in full."""

from pathlib import Path

from tests.faults import scenarios


def test_everything_at_once_loses_nothing_and_doubles_hardly_anything(servers_folder: Path):
    outcome = scenarios.chaos(servers_folder / "chaos", invitations=150, seed=1)
    assert outcome.good, outcome.words


def test_without_the_broker_people_notice_nothing(servers_folder: Path):
    outcome = scenarios.broker_away(servers_folder / "away", invitations=40, seconds=8)
    assert outcome.good, outcome.words


def test_a_broker_that_is_wiped_again_and_again_loses_and_doubles_nothing(servers_folder: Path):
    outcome = scenarios.wiped_broker(servers_folder / "wiped", invitations=100, times=4)
    assert outcome.good, outcome.words


def test_a_database_that_restarts_again_and_again_loses_and_doubles_nothing(servers_folder: Path):
    outcome = scenarios.restarted_database(servers_folder / "restarted", invitations=120, times=2)
    assert outcome.good, outcome.words


def test_a_deployment_part_by_part_loses_and_doubles_nothing(servers_folder: Path):
    outcome = scenarios.rolling_deployment(servers_folder / "rolling", invitations=150, every=3)
    assert outcome.good, outcome.words
