"""The whole service as `usher up` runs it, and an HTTP client for it."""

import json
import os
import re
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable
from datetime import timedelta
from email import policy
from email.parser import BytesParser
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from shared.clock import now
from tests.cli.processes import Process, alive, eventually, started_by

USHER = Path(sysconfig.get_path("scripts")) / "usher"
OPERATOR_KEY = "the-operator-key-of-the-tests"
PASSWORD = "correct horse battery"


class Answer:
    """A status, headers and a body."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Stack:
    """A running `usher up --no-demo` in a separate folder."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        environ = {name: value for name, value in os.environ.items() if not name.startswith("USHER_")}
        environ |= {"USHER_OPERATOR_KEY": OPERATOR_KEY} | settings
        command = [sys.executable, str(USHER), "up", "--port", "0", "--no-demo", "--data-dir", str(folder)]
        self.process = subprocess.Popen(
            command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
        )
        lines = []
        assert self.process.stdout is not None
        for line in self.process.stdout:
            lines.append(line)
            if "ready" in line:
                break
        assert self.process.poll() is None, "".join(lines)
        self.url = next(line.split()[1] for line in lines if line.startswith("URL:"))

    def __enter__(self) -> "Stack":
        return self

    def __exit__(self, *exc: object) -> None:
        family = started_by(self.process.pid)
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=15)
        eventually(lambda: not any(alive(child.pid) for child in family), within=10)

    def parts(self, words: str) -> list[Process]:
        """Its processes whose command line contains these words."""
        return [child for child in started_by(self.process.pid) if words in child.command]

    def kill(self, words: str) -> None:
        """Kill a part and all its children, as the kernel does when memory runs out."""
        for process in self.parts(words):
            try:
                os.kill(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                continue

    def ask(self, method: str, path: str, body: Any = None, *, token: str | None = None, **headers: str) -> Answer:
        """Send one request over a new connection."""
        connection = HTTPConnection(urlsplit(self.url).netloc, timeout=30)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if token:
            sent["Authorization"] = f"Bearer {token}"
        data = None
        if body is not None:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            sent.setdefault("Content-Type", "application/json")
        try:
            connection.request(method, path, data, sent)
            response = connection.getresponse()
            return Answer(response.status, dict(response.headers), response.read())
        finally:
            connection.close()

    def emails(self) -> list[Any]:
        """The caught emails, parsed, oldest first."""
        parser = BytesParser(policy=policy.default)
        return [parser.parsebytes(path.read_bytes()) for path in sorted((self.folder / "mailbox").glob("*.eml"))]

    def mail_to(self, address: str, *, subject: str = "", within: float = 20) -> Any:
        """Wait for the newest email to this address."""
        found: list[Any] = []

        def there() -> bool:
            found[:] = [
                mail for mail in self.emails() if address in str(mail["To"]) and subject in str(mail["Subject"])
            ]
            return bool(found)

        eventually(there, within=within)
        return found[-1]

    def owner(
        self, email: str = "alice@corp.example", name: str = "Alice", account_name: str = "Acme"
    ) -> tuple[str, str]:
        """Sign up, verify the address, sign in, create an account with a contract. Returns the token and the account's
        id."""
        assert self.ask("POST", "/v1/users", {"email": email, "name": name, "password": PASSWORD}).status == 201
        proof = link_in(self.mail_to(email), "verify")
        assert self.ask("POST", "/v1/users/verify", {"token": proof, "password": PASSWORD}).status == 200
        token = self.ask("POST", "/v1/sessions", {"email": email, "password": PASSWORD}).json["token"]
        account = self.ask("POST", "/v1/accounts", {"name": account_name}, token=token).json["id"]
        today = now().date()
        terms = {
            "monthly_commitment": {"amount": "750.00", "currency": "USD"},
            "starts_on": today.isoformat(),
            "ends_on": (today + timedelta(days=365)).isoformat(),
        }
        path = f"/v1/accounts/{account}/contract"
        assert self.ask("PUT", path, terms, token=OPERATOR_KEY).status == 200
        return token, account


def link_in(mail: Any, kind: str) -> str:
    """The token of this kind of link in an email's text."""
    text = mail.get_body(("plain",)).get_content()
    found = re.search(rf"/{kind}/([A-Za-z0-9_-]{{43}})", text)
    assert found, text
    return found[1]


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    """The seconds that the call took, and its result."""
    began = time.monotonic()
    returned = call()
    return time.monotonic() - began, returned
