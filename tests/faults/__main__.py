"""Run the whole fault plan and print a table: `python -m tests.faults [--seed N] [scenario ...]`."""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests.faults import hosts, scenarios
from tests.faults.scenarios import Outcome
from tests.trials import vanished

Scenario = Callable[[Path], Outcome]


def plan(seed: int) -> dict[str, Scenario]:
    """Every scenario at full size."""
    return {
        "chaos": partial(scenarios.chaos, invitations=10_000, seed=seed),
        "idle-latency": partial(scenarios.idle_latency, invitations=200),
        "single-crash": partial(scenarios.single_crash, times=5),
        "broker-away": partial(scenarios.broker_away, invitations=600, seconds=600),
        "wiped-broker": partial(scenarios.wiped_broker, invitations=1000, times=5),
        "restarted-broker": partial(scenarios.wiped_broker, invitations=500, times=100),
        "restarted-database": partial(scenarios.restarted_database, invitations=2000, times=10),
        "rolling-deployment": partial(scenarios.rolling_deployment, invitations=5000, every=20),
        "lost-host": partial(hosts.lost_host, invitations=2000, times=10),
        "vanished-database": partial(vanished.vanished_host, "postgres", times=3, seconds=20),
        "vanished-broker": partial(vanished.vanished_host, "valkey", times=3, seconds=20),
        "vanished-mail-host": partial(vanished.vanished_host, "sink", times=3, seconds=20),
        "slow-domain": partial(scenarios.slow_domain, invitations=1000, seconds=6),
        "stopped-worker": partial(scenarios.stopped_worker, invitations=500),
    }


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("scenarios", nargs="*", help="only these")
    asked = parser.parse_args(arguments)
    everything = plan(asked.seed)
    bad = 0
    for name in asked.scenarios or everything:
        with tempfile.TemporaryDirectory(prefix="usher-faults-") as folder:
            began = time.monotonic()
            outcome = everything[name](Path(folder))
            bad += not outcome.good
            verdict = "kept" if outcome.good else "BROKEN"
            print(f"| {name} | {verdict} | {outcome.words} | {time.monotonic() - began:.0f} s |", flush=True)  # noqa: T201
    return bad


sys.exit(main(sys.argv[1:]))
