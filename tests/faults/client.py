"""Invites over HTTP as a careful program does: each under an Idempotency-Key, sent again until it is answered."""

import json
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, HTTPException
from typing import Any

PATIENCE_SECONDS = 60


class Client:
    """One program with an API key; remembers what it was answered, and how long each answer took."""

    def __init__(self, port: int, account: str, api_key: str) -> None:
        self._port, self.account, self._api_key = port, account, api_key
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
        if connection is None:
            connection = self._local.connection = HTTPConnection("127.0.0.1", self._port, timeout=30)
            self._connections.append(connection)
        sent = {"Authorization": f"Bearer {self._api_key}"} | {name.replace("_", "-"): v for name, v in headers.items()}
        try:
            connection.request(method, path, None if body is None else json.dumps(body), sent)
            response = connection.getresponse()
            return response.status, json.loads(response.read() or b"null")
        except (OSError, HTTPException):
            connection.close()
            self._local.connection = None
            raise

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
