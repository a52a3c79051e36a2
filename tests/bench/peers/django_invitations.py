"""django-invitations under gunicorn, with as many processes as ours, on the same PostgreSQL. It sends no email here."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from shared.cli.embedded.stack import free_port
from tests.bench.load import request
from tests.bench.servers import wait_for

VERSION = "2.1.0"
_PACKAGES = (f"django-invitations=={VERSION}", "django==5.2.*", "gunicorn==23.*", "psycopg[binary]>=3.2,<4")
_SITE = Path(__file__).with_name("django_site.py")


@dataclass(frozen=True)
class DjangoInvitations:
    """The running server, with a signed-in user."""

    address: tuple[str, int]
    cookie: str

    def invite(self, email: str) -> bytes:
        """Return a whole request to invite as bytes."""
        body = json.dumps([email]).encode()
        return request("POST", "/invitations/send-json-invite/", body, Cookie=self.cookie)


@contextmanager
def django_invitations(database_url: str, *, processes: int, connections: int) -> Iterator[DjangoInvitations]:
    """Install it in its own environment and start it, with a user who may invite."""
    port = free_port("127.0.0.1")
    with tempfile.TemporaryDirectory(prefix="usher-peer-") as folder:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True, timeout=120)
        programs = Path(folder) / "bin"
        subprocess.run([programs / "pip", "install", "--quiet", *_PACKAGES], check=True, timeout=300)
        environ = os.environ | {"DATABASE_URL": database_url}
        made = subprocess.run([programs / "python", _SITE], env=environ, check=True, timeout=60, stdout=subprocess.PIPE)
        # gunicorn's plain workers close the connection after each response. Threaded ones keep it open, as ours do.
        shape = ["-w", str(processes), "-k", "gthread", "--threads", str(-(-connections // processes))]
        command = [programs / "gunicorn", *shape, "-b", f"127.0.0.1:{port}", "--log-level", "warning"]
        server = subprocess.Popen([*command, f"{_SITE.stem}:application"], cwd=_SITE.parent, env=environ)
        try:
            wait_for(port)
            yield DjangoInvitations(("127.0.0.1", port), made.stdout.decode().strip())
        finally:
            server.terminate()
            server.wait(20)
