"""Measures what was promised, on real parts: `python -m tests.bench`, or with the names of those to run."""

import sys

from tests.bench import calls, check, checks, pages, peer

BENCHES = {"calls": calls.run, "check": check.run, "checks": checks.run, "pages": pages.run, "peer": peer.run}


def main(names: list[str]) -> None:
    for name in names or BENCHES:
        BENCHES[name]()


main(sys.argv[1:])
