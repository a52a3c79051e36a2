"""A host that vanishes under a running service: PostgreSQL, the broker or the mail server, in a separate namespace.

People invite all the time. Once the host has been away for a while, the same server is started again on its data, as on
a machine that takes over, and answers at the same address.
"""

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.client import HTTPException, RemoteDisconnected
from pathlib import Path

from shared.cli.embedded.process import Command, wait_until
from tests.faults.client import Client
from tests.faults.hosts import people_inviting
from tests.faults.ledger import compare
from tests.faults.scenarios import Outcome, finish, kept
from tests.faults.service import Service
from tests.trials.namespaces import Host, host

DATABASE, BROKER, SMTP = 5432, 6379, 2525
SETTING = {
    "postgres": ("database_url", "postgresql://usher@{}:5432/postgres"),
    "valkey": ("broker_url", "redis://{}:6379/0"),
    "sink": ("smtp_url", "smtp://{}:2525?starttls=off"),
}
WAITING = "SELECT count(*) FROM jobs WHERE state IN ('queued', 'running') AND created_at < '{}'"
NUMBERS = {"postgres": 11, "valkey": 12, "sink": 13}


class Far(Service):
    """The service with one of its servers on another host."""

    def __init__(self, folder: Path, part: str, away: Host, **settings: str) -> None:
        name, url = SETTING[part]
        super().__init__(folder, **settings, **{name: url.format(away.address)})
        self.part, self.away = part, away
        command = self.parts[part].command
        self.parts[part].command = away.runs(self._listening(part, command))

    def __enter__(self) -> "Far":
        super().__enter__()
        return self

    def vanish(self) -> None:
        """Drop all packets. The server dies with its host, and another one is started on its data."""
        self.away.vanish()
        self.kill(self.part, signal.SIGQUIT if self.part == "postgres" else signal.SIGKILL)

    def invite_once(self, client: Client) -> int:
        """Invite once, and return the status. Acknowledged invitations count like all others."""
        email = f"probe{time.monotonic_ns()}@probes.example"
        body = {"email": email, "role": "support"}
        status, answer = client.ask("POST", f"/v1/accounts/{client.account}/invitations", body)
        if status == 202:
            self.client.acknowledged[email] = answer["id"]
        return status

    def running(self) -> dict[str, int]:
        """The running parts, each with its process id."""
        return {name: each.process.pid for name, each in self.parts.items() if each.process is not None}

    def _listening(self, part: str, command: Command) -> Command:
        if part == "sink":
            script = command.arguments[-1]
            arguments = (sys.executable, "-m", "tests.faults.sink", str(SMTP), str(self.ledger), script, "0.0.0.0")
        elif part == "valkey":
            words = ["6379" if before == "--port" else word for before, word in _pairs(command.arguments)]
            arguments = (*words, "--bind", "0.0.0.0", "--protected-mode", "no")
        else:
            with (self.folder / "postgres" / "pg_hba.conf").open("a") as access:
                access.write(f"\nhost all all {self.away.gateway}/32 trust\n")
            arguments = (*command.arguments, "-c", "listen_addresses=*")
        return Command(
            arguments, command.environment, command.folder, command.user, command.open_files, command.stop_signal
        )


class Probe:
    """Sends the same request repeatedly on its own connections. Records times, statuses and durations."""

    def __init__(self, client: Client, ask: Callable[[Client], int]) -> None:
        self._client, self._ask = client, ask
        self.found: list[tuple[float, int, float]] = []
        self.broken: list[str] = []

    @contextmanager
    def running(self) -> Iterator[None]:
        """Send requests during the block."""
        over = threading.Event()

        def repeat() -> None:
            while not over.wait(0.05):
                began = time.monotonic()
                status = 0
                try:
                    status = self._request()
                except (OSError, HTTPException, ValueError) as error:
                    self.broken.append(repr(error))
                self.found.append((began, status, time.monotonic() - began))

        thread = threading.Thread(target=repeat)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
            self._client.close()

    def _request(self) -> int:
        try:
            return self._ask(self._client)
        except (BrokenPipeError, RemoteDisconnected):
            return self._ask(
                self._client
            )  # The keep-alive connection was just being closed, which any client has to expect.

    def first(self, status: int, *, after: float) -> float | None:
        """The seconds from this moment until the first response with this status."""
        answered = ((at + took, answer) for at, answer, took in self.found)
        return next((moment - after for moment, answer in answered if answer == status and moment >= after), None)

    def longest(self, *, since: float) -> float:
        return max((took for at, _, took in self.found if at + took >= since), default=0.0)

    def statuses(self) -> set[int]:
        return {status for _, status, _ in self.found}


def vanished_host(part: str, folder: Path, *, times: int, seconds: float) -> Outcome:
    """The host of one part vanishes while people invite: this many times, for this many seconds each."""
    first_503, again, done, healthz, slowest = [], [], [], [], []
    with host("usher", NUMBERS[part]) as away, Far(folder, part, away) as service:
        alive = Probe(service.client_of(*service.hosts), lambda client: client.ask("GET", "/healthz")[0])
        inviting = Probe(service.client_of(*service.hosts), service.invite_once)
        before = service.running()
        with alive.running(), inviting.running():
            for number in range(times):
                with people_inviting(service, f"round{number}-"):
                    time.sleep(2)
                    gone_at = time.monotonic()
                    service.vanish()
                    time.sleep(seconds)
                    back_at = time.monotonic()
                    away.come_back()
                    back = datetime.now(UTC).isoformat()
                    wait_until(lambda at=back_at: inviting.first(202, after=at) is not None, within=60)
                    wait_until(lambda at=back: service.rows(WAITING.format(at)) == [(0,)], within=120)
                    done.append(time.monotonic() - back_at)
                first_503.append(inviting.first(503, after=gone_at))
                again.append(inviting.first(202, after=back_at))
                slowest.append(inviting.longest(since=gone_at))
                healthz.append(alive.longest(since=gone_at))
        finish(service, within=60)
        found = compare(service)
        restarted = [name for name, pid in service.running().items() if name != part and pid != before[name]]
    refusals = [moment for moment in first_503 if moment is not None]
    answer = f"/healthz said {alive.statuses()}, inviting {inviting.statuses()} {' '.join(inviting.broken)}".strip()
    figures = (
        f"{found}; away {times} times for {seconds:.0f} s; "
        f"first 503 after {_most(refusals)}; slowest answer {_most(slowest)}; /healthz at most {_most(healthz)}; "
        f"inviting again {_most(again)} after the host was back; all before it mailed {_most(done)} after it; "
        f"{answer}; parts that ended: {restarted or 'none'}"
    )
    return Outcome(
        kept(found)
        and max(done) < 120  # An email whose reply was lost with the host is tried again after a minute.
        and alive.statuses() == {200}
        and inviting.statuses() <= {202, 503}
        and max(slowest) < 10
        and max(again, key=lambda moment: moment or 99.0, default=99.0) < 30,
        figures,
    )


def _most(moments: list[float]) -> str:
    return f"{max(moments):.2f} s" if moments else "never"


def _pairs(words: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    return zip(("", *words), words, strict=False)
