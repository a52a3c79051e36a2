"""better-auth's organization plugin on Node, with as many processes as ours, on the same PostgreSQL."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from shared.cli.embedded.stack import free_port
from tests.bench.load import request
from tests.bench.servers import wait_for

VERSION = "1.7.25"
_SERVER = Path(__file__).with_suffix(".mjs")
_OFFERS = """
INSERT INTO organization (id, name, slug, "createdAt")
  SELECT 'o' || n, 'Organization ' || n, 'slug' || n, now() FROM generate_series(1, {n}) n;
INSERT INTO invitation (id, "organizationId", email, role, status, "expiresAt", "createdAt", "inviterId")
  SELECT 'i' || n, 'o' || n, 'alice@corp.example', 'member', 'pending', now() + interval '2 days', now(),
         (SELECT id FROM "user" WHERE email = 'alice@corp.example') FROM generate_series(1, {n}) n;
"""


@dataclass(frozen=True)
class BetterAuth:
    """The running server, with a signed-in owner."""

    address: tuple[str, int]
    cookie: str
    organization: str

    def post(self, path: str, body: bytes) -> bytes:
        """Return a whole POST request as bytes."""
        return self._request("POST", path, body)

    def get(self, path: str) -> bytes:
        """Return a whole GET request as bytes."""
        return self._request("GET", path, b"")

    def _request(self, method: str, path: str, body: bytes) -> bytes:
        origin = f"http://{self.address[0]}:{self.address[1]}"
        return request(method, f"/api/auth/organization/{path}", body, Cookie=self.cookie, Origin=origin)


def can_be_had() -> bool:
    """Return True if Node and its packages can be installed here."""
    return shutil.which("node") is not None and shutil.which("npm") is not None


@contextmanager
def better_auth(database_url: str, *, processes: int, members: int, offers: int) -> Iterator[BetterAuth]:
    """Install and start it, with an owner of an organization with this many members, invited by others."""
    port = free_port("127.0.0.1")
    with tempfile.TemporaryDirectory(prefix="usher-peer-") as folder:
        shutil.copy(_SERVER, folder)
        install = ["npm", "install", "--silent", "--no-audit", "--no-fund", f"better-auth@{VERSION}", "pg@8"]
        subprocess.run(install, cwd=folder, check=True, timeout=300)
        variables = {"DATABASE_URL": database_url, "PORT": port, "MEMBERS": members, "PROCESSES": processes}
        environ = os.environ | {"NODE_ENV": "production"} | {name: str(value) for name, value in variables.items()}
        server = subprocess.Popen(["node", _SERVER.name], cwd=folder, env=environ, stdout=subprocess.PIPE)
        try:
            assert server.stdout is not None
            made = json.loads(server.stdout.readline())
            wait_for(port)
            with psycopg.connect(database_url, autocommit=True) as connection:
                connection.execute(_OFFERS.format(n=offers))
                connection.execute("VACUUM ANALYZE")
            yield BetterAuth(("127.0.0.1", port), made["cookie"], made["organization"])
        finally:
            server.terminate()
            server.wait(20)
