"""Makes `python -m shared.cli` the same as `usher`."""

from shared.cli import main

main(prog_name="usher")
