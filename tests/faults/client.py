"""Invites over HTTP as a careful program does: each under an Idempotency-Key, sent again until it is answered."""

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
    """One program with an API key; remembers what it was answered, and how long each answer took.

    Of several addresses it takes one after the other, and passes over those that refuse, as a load balancer does.
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
        """Whether every part is there."""
        try:
            return bool(self.ask("GET", "/readyz")[1]["status"] == "ready")
        except (OSError, HTTPException):
            return False

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """One request over this thread's kept connection."""
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
        raise ConnectionRefusedError("nobody listens")

    def invite(self, email: str) -> None:
        """Invite, and insist until it is acknowledged."""
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
        """How long an answer took at this share of them, in seconds."""
        taken = sorted(self.seconds[since:])
        return taken[min(len(taken) - 1, int(len(taken) * share))] if taken else 0.0
