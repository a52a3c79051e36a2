"""Measures what was promised, on real parts: `python -m tests.bench`, or with the names of those to run."""

import sys

from tests.bench import backlog, calls, check, checks, expiring, pages, peer

BENCHES = {
    bench.__name__.rpartition(".")[2]: bench.run for bench in (backlog, calls, check, checks, expiring, pages, peer)
}


def main(names: list[str]) -> None:
    for name in names or BENCHES:
        BENCHES[name]()


main(sys.argv[1:])
