"""A careful HTTP client that invites: each invitation has an Idempotency-Key and is retried until it is answered."""

import json
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from itertools import cycle, islice
from typing import Any

PATIENCE_SECONDS = 60


class Client:
    """A program with an API key. Records its responses and their times.

    With several addresses it rotates through them and skips those that refuse, as a load balancer does.
    """

    def __init__(self, places: Sequence[tuple[str, int]], account: str, api_key: str) -> None:
        self.account, self._api_key = account, api_key
        self._places, self._turns = places, cycle(places)
        self._local = threading.local()
        self._connections: list[HTTPConnection] = []
        self.acknowledged: dict[str, str] = {}
        self.acknowledged_at: dict[str, float] = {}
        self.statuses = Counter[str]()
        self.seconds: list[float] = []

    def close(self) -> None:
        for connection in self._connections:
            connection.close()

    def ready(self) -> bool:
        """Return True if every part is ready."""
        try:
            return bool(self.ask("GET", "/readyz")[1]["status"] == "ready")
        except (OSError, HTTPException):
            return False

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """Send one request over this thread's keep-alive connection."""
        connection = getattr(self._local, "connection", None)
        if connection is None or connection.sock is None:
            connection = self._local.connection = self._connected()
        sent = {"Authorization": f"Bearer {self._api_key}"} | {name.replace("_", "-"): v for name, v in headers.items()}
        try:
            connection.request(method, path, None if body is None else json.dumps(body), sent)
            response = connection.getresponse()
            return response.status, json.loads(response.read() or b"null")
        except (OSError, HTTPException):
            connection.close()
            self._local.connection = None
            raise

    def _connected(self) -> HTTPConnection:
        for host, port in islice(self._turns, len(self._places)):
            connection = HTTPConnection(host, port, timeout=30)
            with suppress(ConnectionRefusedError):
                connection.connect()
                self._connections.append(connection)
                return connection
        raise ConnectionRefusedError("no server listens")

    def invite(self, email: str) -> None:
        """Invite, and retry until it is acknowledged."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            began = time.monotonic()
            try:
                status, answer = self.ask(
                    "POST",
                    f"/v1/accounts/{self.account}/invitations",
                    {"email": email, "role": "support"},
                    Idempotency_Key=email,
                )
            except (OSError, HTTPException, ValueError):
                self.statuses["broken"] += 1
                time.sleep(0.1)
                continue
            self.seconds.append(time.monotonic() - began)
            self.statuses[str(status)] += 1
            if status == 202:
                self.acknowledged[email], self.acknowledged_at[email] = answer["id"], time.time()
                return
            assert status >= 500, answer
            time.sleep(0.2)

    def invite_all(self, emails: list[str], *, at_a_time: int = 4) -> None:
        with ThreadPoolExecutor(at_a_time) as threads:
            list(threads.map(self.invite, emails))

    def percentile(self, share: float, *, since: int = 0) -> float:
        """The response time in seconds at this share of the responses."""
        taken = sorted(self.seconds[since:])
        return taken[min(len(taken) - 1, int(len(taken) * share))] if taken else 0.0
