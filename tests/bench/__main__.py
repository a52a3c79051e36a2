"""Run the benchmarks on real parts: `python -m tests.bench`, optionally with the names of those to run."""

import sys

from tests.bench import backlog, calls, check, checks, expiring, growth, pages, peer

ALWAYS = (backlog, calls, check, checks, expiring, pages, peer)
BENCHES = {bench.__name__.rpartition(".")[2]: bench.run for bench in (*ALWAYS, growth)}


def main(names: list[str]) -> None:
    for run in [BENCHES[name] for name in names] or [bench.run for bench in ALWAYS]:
        run()


main(sys.argv[1:])
