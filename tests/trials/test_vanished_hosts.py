"""The host of the database, the broker or the mail server vanishes without notice, while people invite."""

from pathlib import Path

import pytest

from tests.trials import namespaces, vanished


@pytest.fixture(scope="module", autouse=True)
def hosts() -> None:
    if why := namespaces.missing():
        pytest.skip(f"NOT TRIED: hosts that vanish. {why}")


@pytest.mark.parametrize("part", ["postgres", "valkey", "sink"])
def test_a_host_vanishes_and_no_one_hangs_and_nothing_is_lost(part: str, tmp_path: Path) -> None:
    outcome = vanished.vanished_host(part, tmp_path, times=1, seconds=15)
    print(f"\n{part}: {outcome.words}")  # noqa: T201 - the figures are wanted
    assert outcome.good, outcome.words
