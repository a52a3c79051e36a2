"""Runs the `usher` command as `python -m shared.cli`."""

from shared.cli import main

main(prog_name="usher")
