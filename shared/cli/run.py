"""The components of an installation, each a process in the foreground.

A component is found by its entry point, so commands start the web server and workers without importing them.
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
    """Serve the API and the pages until SIGTERM."""
    _run("web")


@click.command()
def worker() -> None:
    """Check invitations and send emails until SIGTERM. Run as many as you like."""
    _run("worker")


@click.command()
def scheduler() -> None:
    """Dispatch due jobs and run periodic tasks until SIGTERM. You can run several."""
    _run("scheduler")


def _run(name: str) -> None:
    settings = settings_from(os.environ)
    never_fail()
    log.configure(settings.log_level)
    (part,) = entry_points(group="usher.parts", name=name)
    with _counting():
        _loaded(part)(settings)


def _loaded(part: EntryPoint) -> Callable[[Settings], None]:
    """Load the component's function, and exclude what it loads from garbage collection.

    Collecting while loading takes a tenth longer. Collecting later would unshare the memory of forked processes.
    """
    gc.disable()
    main: Callable[[Settings], None] = part.load()
    gc.collect()
    gc.freeze()
    gc.enable()
    return main


@contextmanager
def _counting() -> Iterator[None]:
    """A folder for this component's metrics, set before the component is loaded (prometheus_client)."""
    if METRICS_FOLDER in os.environ:
        yield
        return
    with ExitStack() as stack:
        # Without a temporary folder each process counts alone. That must not prevent a start.
        with suppress(OSError):
            os.environ[METRICS_FOLDER] = stack.enter_context(TemporaryDirectory(prefix="usher-metrics-"))
        yield
