"""Runs the web server: granian, as many processes and threads as the settings say.

granian answered some four times as many requests as gunicorn's threads on the same two cores, and drains at a stop.
"""

import os

from granian import Granian
from granian.constants import Interfaces

from shared import config, log, tracing
from shared.config import Settings
from web.app import create_app


def main(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; what is being answered then is still answered."""
    Granian(
        "web.serve:application",
        factory=True,
        address=settings.web_host,
        port=settings.web_port,
        interface=Interfaces.WSGI,
        workers=settings.web_processes,
        blocking_threads=settings.web_threads,
        log_access=False,
        respawn_failed_workers=True,
        workers_kill_timeout=8,
        websockets=False,
    ).serve()


def application() -> object:
    """What each of granian's processes serves; it reads the settings of its own environment."""
    settings = config.load(os.environ)
    log.configure(settings.log_level)
    tracing.configure(settings.otlp_endpoint, "web")
    return create_app(settings)
