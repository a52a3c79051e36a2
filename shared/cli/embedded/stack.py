"""The embedded servers of `usher up` for everything that isn't configured, and the settings to reach them."""

import os
import socket
import sys
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from shared.cli.embedded import postgres, valkey
from shared.cli.embedded.home import Home
from shared.cli.embedded.process import MINIMAL_ENVIRONMENT, CannotStart, Command, Server
from shared.settings.environment import PREFIX

POSTGRES_BIN = f"{PREFIX}POSTGRES_BIN"
"""The variable for the folder of PostgreSQL's programs. Only `usher up` reads it."""

_LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Stack:
    """The embedded servers by name, and the environment of every process that uses them."""

    servers: Mapping[str, Server]
    environment: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _MailCatcher:
    command: Command
    port: int

    def answers(self) -> bool:
        try:
            socket.create_connection((_LOOPBACK, self.port), timeout=2).close()
        except OSError:
            return False
        return True


def prepare_stack(home: Home, given: Mapping[str, str], *, public_url: str) -> Stack:
    """Prepare a server for each setting that is missing in the environment. Raises `CannotStart`."""
    servers: dict[str, Server] = {}
    found = {
        "PUBLIC_URL": public_url,
        "MAIL_FROM": "Usher <usher@demo.example>",
        "SECRET_KEYS": home.secrets.secret_key,
        "OPERATOR_KEY": home.secrets.operator_key,
        "WEB_HOSTS": "public_url",
    }
    if not _is_set(given, "DNS_SERVERS"):
        # People who try Usher invite bob@corp.example, which no name server knows.
        found["RESERVED_DOMAINS"] = "allow"
    if not _is_set(given, "DATABASE_URL"):
        servers["postgres"] = database = postgres.prepare(home.folder / "postgres", binaries=given.get(POSTGRES_BIN))
        found["DATABASE_URL"] = database.url
    if not _is_set(given, "BROKER_URL"):
        servers["valkey"] = broker = valkey.prepare(home.folder / "valkey")
        found["BROKER_URL"] = broker.url
    catches = not _is_set(given, "SMTP_URL")
    port = free_port(_LOOPBACK)
    if catches:
        found |= {"SMTP_URL": f"smtp://{_LOOPBACK}:{port}?starttls=off", "MAILBOX_DIR": str(home.mailbox)}
    environment = {PREFIX + name: value for name, value in found.items() if not _is_set(given, name)}
    environment |= {name: value for name, value in given.items() if name != POSTGRES_BIN}
    if catches:
        servers["mail-catcher"] = _mail_catcher(port, home.mailbox)
    return Stack(servers, environment)


def usher(command: str, *arguments: str, environment: Mapping[str, str]) -> Command:
    """The command line of another `usher` command, visible as `usher <command>` in process lists."""
    script = Path(sysconfig.get_path("scripts")) / "usher"
    program = (str(script),) if script.exists() else ("-m", "shared.cli")
    return Command((sys.executable, *program, command, *arguments), environment)


def free_port(host: str, port: int = 0) -> int:
    """Return the port if it is free; 0 picks any free port. Raises `CannotStart`."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.create_server((host, port), family=family) as listener:
            return int(listener.getsockname()[1])
    except OSError as error:
        why = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
        raise CannotStart(
            f"Can't listen on {host}, port {port}: {why}. Choose another with --host or --port."
        ) from None


def _mail_catcher(port: int, folder: Path) -> _MailCatcher:
    if find_spec("aiosmtpd") is None:
        raise CannotStart("The mail catcher isn't installed. Run pip install 'usher[embedded]', or set USHER_SMTP_URL.")
    return _MailCatcher(usher("mail-catcher", str(port), str(folder), environment=MINIMAL_ENVIRONMENT), port)


def _is_set(environment: Mapping[str, str], name: str) -> bool:
    return PREFIX + name in environment or f"{PREFIX}{name}_FILE" in environment
