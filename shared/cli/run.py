"""The parts of an installation, each a process in the foreground.

A part is found by its name among the entry points, so that commands start web and workers and import neither.
"""

import gc
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from importlib.metadata import EntryPoint, entry_points
from tempfile import TemporaryDirectory

import click

from shared.cli.settings import settings_from
from shared.observability import log
from shared.observability.standard_streams import never_fail
from shared.settings.environment import METRICS_FOLDER
from shared.settings.settings import Settings


@click.command()
def web() -> None:
    """Serve the API and the pages, until SIGTERM."""
    _run("web")


@click.command()
def worker() -> None:
    """Check invitations and send mails, until SIGTERM. Run as many as you like."""
    _run("worker")


@click.command()
def scheduler() -> None:
    """Ring for due jobs and end what is over, until SIGTERM. Two are as good as one."""
    _run("scheduler")


def _run(name: str) -> None:
    settings = settings_from(os.environ)
    never_fail()
    log.configure(settings.log_level)
    (part,) = entry_points(group="usher.parts", name=name)
    with _counting():
        _loaded(part)(settings)


def _loaded(part: EntryPoint) -> Callable[[Settings], None]:
    """The part's function. What is loaded stays for good, so the collector of garbage needn't look at it: not while it
    is loaded, which takes a tenth longer with it, and not later, when it would unshare the memory of forked processes.
    """
    gc.disable()
    main: Callable[[Settings], None] = part.load()
    gc.collect()
    gc.freeze()
    gc.enable()
    return main


@contextmanager
def _counting() -> Iterator[None]:
    """A folder for what the processes of this part count, named before the part is loaded (prometheus_client)."""
    if METRICS_FOLDER in os.environ:
        yield
        return
    with ExitStack() as stack:
        # Without a temporary folder each process counts for itself: that is no reason not to work.
        with suppress(OSError):
            os.environ[METRICS_FOLDER] = stack.enter_context(TemporaryDirectory(prefix="usher-metrics-"))
        yield
