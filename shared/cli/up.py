"""`usher up`: starts everything at once, as the same processes that run in production."""

import os
import shutil
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from http.client import HTTPConnection, HTTPException
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from shared.cli.embedded.home import Home, locked_home
from shared.cli.embedded.stack import Stack, free_port, prepare_stack, usher
from shared.cli.embedded.supervisor import Supervisor
from shared.observability.standard_streams import never_fail
from shared.settings.environment import METRICS_FOLDER

if TYPE_CHECKING:
    from shared.settings.settings import Settings

Result = TypeVar("Result")

_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - only compared


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, envvar="USHER_WEB_HOST", help="Address to listen on.")
@click.option(
    "--port",
    default=8000,
    show_default=True,
    envvar="USHER_WEB_PORT",
    type=click.IntRange(0, 65535),
    help="Port to listen on; 0 picks a free one.",
)
@click.option(
    "--data-dir",
    default=Path(".usher"),
    show_default=True,
    type=click.Path(path_type=Path),
    help="Folder for all data; the next start reuses it.",
)
@click.option("--demo/--no-demo", "with_demo", default=True, help="Start with a demo company or an empty database.")
def up(host: str, port: int, data_dir: Path, with_demo: bool) -> None:
    """Start everything with embedded defaults.

    Runs a database, a broker, the web server, workers, the scheduler and the mail catcher. USHER_DATABASE_URL,
    USHER_BROKER_URL and USHER_SMTP_URL replace the embedded servers, and all other settings apply too. Ctrl-C stops
    everything.
    """
    never_fail()
    with locked_home(data_dir) as home:
        port = free_port(host, port)
        reach = _ANYWHERE.get(host, host)
        public_url = f"http://[{reach}]:{port}" if ":" in reach else f"http://{reach}:{port}"
        given = {**os.environ, "USHER_WEB_HOST": host, "USHER_WEB_PORT": str(port)}
        given[METRICS_FOLDER] = str(_emptied(home.folder / "metrics"))
        stack = prepare_stack(home, given, public_url=public_url)
        _in_subprocess(_check, stack.environment)
        with Supervisor(home.logs) as supervisor:
            for name, server in stack.servers.items():
                supervisor.start(name, server.command, layer=0)
            # Start it first, because it takes longer to load than the servers and the schema, and waits for them.
            supervisor.start("web", usher("web", environment=stack.environment), layer=1)
            _wait_for(supervisor, stack, "postgres", "valkey")
            for name, value in _in_subprocess(_prepare_data, home, stack.environment, with_demo):
                click.echo(f"{name + ':':14}{value}")
            _wait_for(supervisor, stack, "mail-catcher")
            supervisor.wait_for("web", lambda: _ready(reach, port), within=60)
            # These start later so they don't delay the web server. Their jobs wait in the database.
            for part in ("worker", "scheduler"):
                supervisor.start(part, usher(part, environment=stack.environment), layer=1)
            for line in _open_to_others(host, stack.environment):
                click.echo(line)
            click.echo("Usher is ready. Ctrl-C stops it.")
            supervisor.watch()


def _open_to_others(host: str, environment: Mapping[str, str]) -> list[str]:
    """A warning if other machines can connect to this host."""
    if host == "localhost" or host.startswith("127.") or host == "::1":
        return []
    where = "every network this machine is on" if host in _ANYWHERE else "its network"
    return [
        f"Warning: Usher listens on {host}, so others on {where} can connect without encryption.",
        f"It answers only requests for {environment['USHER_PUBLIC_URL']} and loopback names. To let others in, set "
        "USHER_PUBLIC_URL to the address they use.",
        "From other machines, the mailbox asks for the operator key.",
    ]


def _emptied(folder: Path) -> Path:
    """An empty folder, without the metrics of an earlier run."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


def _wait_for(supervisor: Supervisor, stack: Stack, *names: str) -> None:
    for name in names:
        if name in stack.servers:
            supervisor.wait_for(name, stack.servers[name].answers)


def _in_subprocess(work: Callable[..., Result], *args: object) -> Result:
    """Run the work in a separate process and return its result, so this long-running process loads nothing for it."""
    with ProcessPoolExecutor(1, mp_context=get_context("fork")) as process:
        return process.submit(work, *args).result()


def _check(environment: Mapping[str, str]) -> None:
    """Raise `BadSettings` if the settings prevent a start."""
    from shared.cli.settings import settings_from  # noqa: PLC0415

    settings_from(environment)


def _prepare_data(home: Home, environment: Mapping[str, str], with_demo: bool) -> list[tuple[str, str]]:
    """Upgrade the schema and create the demo company if wanted. Returns the lines to print, as name and value."""
    from shared.cli.database import bring_up_to_date  # noqa: PLC0415
    from shared.settings import loading  # noqa: PLC0415

    settings = loading.load(environment)
    bring_up_to_date(settings)
    lines = [("URL", settings.public_url), *(_demo(home, settings) if with_demo else [])]
    lines.append(("Operator key", settings.operator_key or "none"))
    if settings.mailbox_dir is not None:
        lines.append(("Mailbox", f"{settings.public_url}/mailbox"))
    return [*lines, ("Data", str(home.folder)), ("Logs", str(home.logs))]


def _demo(home: Home, settings: "Settings") -> list[tuple[str, str]]:
    from shared.cli import demo  # noqa: PLC0415
    from shared.cli.database import command_transaction  # noqa: PLC0415

    with command_transaction(settings) as session:
        made = demo.ensure_demo(session, password=home.secrets.owner_password, api_key=home.secrets.api_key)
    home.keep(api_key=made.api_key)
    return [
        ("Demo owner", demo.OWNER),
        ("Password", home.secrets.owner_password),
        ("Account", made.account_id),
        ("API key", made.api_key),
    ]


def _ready(host: str, port: int) -> bool:
    connection = HTTPConnection(host, port, timeout=2)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
