"""Scenarios of faults, at full or small size: each runs the service, breaks something, and reports the outcome.

The rows are those of the fault plan: 1 combined chaos, 3 and 4 the broker away, 6 and 7 the broker wiped and restarted,
8 the database restarted, 10 and 11 schedulers, 13 a worker that was stopped for long, 17 a rolling deployment.
"""

import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

from shared.cli.embedded.process import wait_until
from tests.faults.client import Client
from tests.faults.ledger import Findings, compare
from tests.faults.service import Service

UNFINISHED = "SELECT count(*) FROM jobs WHERE state IN ('queued', 'running')"


@dataclass(frozen=True)
class Outcome:
    """The result of a scenario: passed or not, and its figures."""

    good: bool
    words: str


def guests(count: int) -> list[str]:
    """This many addresses, spread over the domains of all offices."""
    return [f"guest{number}@office{number % 50}.example" for number in range(count)]


@contextmanager
def again_and_again(seconds: float, act: Callable[[], None]) -> Iterator[None]:
    """Act once per this many seconds during the block."""
    over = threading.Event()

    def repeat() -> None:
        while not over.wait(seconds):
            act()

    thread = threading.Thread(target=repeat)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def finish(service: Service, *, within: float) -> float:
    """Wait until every job has ended. Returns the seconds that took."""
    began = time.monotonic()
    while service.rows(UNFINISHED)[0][0]:
        if time.monotonic() - began > within:
            break
        time.sleep(0.5)
    return time.monotonic() - began


def chaos(folder: Path, *, invitations: int, seed: int, within: float = 900) -> Outcome:
    """Row 1: all faults at once, until nearly every email has been tried."""
    sink = {"seed": seed, "refuse": 0.3, "drop": 0.01}
    with Service(folder, workers=4, sink=sink, worker_processes="1") as service:
        emails, workers = guests(invitations), cycle(name for name in service.parts if name.startswith("worker"))

        def kill_one_of(names: Iterable[str]) -> None:
            """Kill the first one that is at work. One that is still starting has nothing to lose."""
            for name in filter(service.is_at_work, names):
                service.kill(name)
                return

        thirds = [emails[part * len(emails) // 3 : (part + 1) * len(emails) // 3] for part in range(3)]
        with (
            again_and_again(2, lambda: kill_one_of(islice(workers, 4))),
            again_and_again(7, lambda: kill_one_of(["scheduler"])),
        ):
            service.client.invite_all(thirds[0])
            service.kill("valkey")
            service.client.invite_all(thirds[1])
            service.kill("postgres", signal.SIGQUIT)
            service.client.invite_all(thirds[2])
            service.kill("valkey")
            wait_until(lambda: len({line["to"] for line in service.lines()}) > 0.95 * invitations, within=within)
        service.send("sink", signal.SIGUSR1)
        seconds = finish(service, within=within)
        found = compare(service)
        kills = {name: len(part.deaths) for name, part in service.parts.items() if part.deaths}
        few = found.copies - found.by_drops < max(2, invitations * 0.01)
        return Outcome(
            kept(found) and few and found.copies < max(5, invitations * 0.01),
            f"{found}; ended {seconds:.0f} s after the last fault; kills {kills}; "
            f"answers {dict(service.client.statuses)}",
        )


def broker_away(folder: Path, *, invitations: int, seconds: float) -> Outcome:
    """Rows 3 and 4: the broker is away for long. Inviting continues at full speed, and emails are sent."""
    with Service(folder) as service:
        client, emails, pace = service.client, guests(invitations * 2), seconds / invitations
        # The same rate before and during the outage, so that the two can be compared.
        _invite_at(client, emails[:invitations], pace)
        normal = client.percentile(0.99)
        finish(service, within=60)
        service.hold_down("valkey")
        since = len(client.seconds)
        _invite_at(client, emails[invitations:], pace)
        without = client.percentile(0.99, since=since)
        waited = finish(service, within=60)
        found = compare(service)
        service.let_up("valkey")
        return Outcome(
            kept(found) and set(client.statuses) == {"202"} and found.copies == 0 and without < normal * 1.5,
            f"{found}; p99 {normal * 1000:.0f} ms before and {without * 1000:.0f} ms during {seconds:.0f} s without; "
            f"all jobs ended {waited:.1f} s after the last invitation; answers {dict(client.statuses)}",
        )


def idle_latency(folder: Path, *, invitations: int) -> Outcome:
    """The time from the API's response to the mail server's acceptance, without other load."""
    with Service(folder) as service:
        first, *others = guests(invitations + 1)
        service.client.invite(first)
        finish(service, within=60)
        for email in others:
            service.client.invite(email)
            time.sleep(0.2)
        finish(service, within=60)
        found, acknowledged = compare(service), service.client.acknowledged_at
        waits = sorted(line["at"] - acknowledged[line["to"]] for line in service.lines() if line["to"] != first)
        p50, p95 = waits[len(waits) // 2], waits[int(len(waits) * 0.95)]
        return Outcome(
            kept(found) and p95 < 1,
            f"from the API's yes to the mail server's: p50 {p50 * 1000:.0f} ms, p95 {p95 * 1000:.0f} ms, "
            f"longest {waits[-1] * 1000:.0f} ms of {len(waits)}",
        )


def single_crash(folder: Path, *, times: int) -> Outcome:
    """Each part killed by itself during twenty invitations, and the time of the slowest email then."""
    slowest: dict[str, float] = {}
    with Service(folder) as service:
        emails = iter(guests(20 * times * len(service.parts)))
        for name in ("web", "scheduler", "worker0", "valkey", "postgres") * times:
            some = list(islice(emails, 20))
            dying = threading.Timer(
                0.15, service.kill, [name, signal.SIGQUIT if name == "postgres" else signal.SIGKILL]
            )
            dying.start()
            service.client.invite_all(some, at_a_time=2)
            dying.join()
            finish(service, within=150)
            arrived = {line["to"]: line["at"] for line in reversed(service.lines())}
            waits = [arrived[email] - service.client.acknowledged_at[email] for email in some if email in arrived]
            slowest[name] = max([slowest.get(name, 0.0), *waits])
        found = compare(service)
    summary = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in slowest.items())
    return Outcome(
        kept(found) and max(slowest.values()) < 120,
        f"{found}; {times} times each; longest from the API's yes to the mail server's, by what was killed: {summary}",
    )


def wiped_broker(folder: Path, *, invitations: int, times: int) -> Outcome:
    """Rows 6 and 7: the broker killed and wiped repeatedly while people invite."""
    with Service(folder) as service:
        share = max(1, invitations // times)
        emails = guests(share * times)
        for number in range(times):
            service.client.invite_all(emails[number * share : (number + 1) * share])
            service.kill("valkey")
        seconds = finish(service, within=150)
        found = compare(service)
        return Outcome(kept(found) and found.copies == 0, f"{found}; wiped {times} times; ended after {seconds:.1f} s")


def restarted_database(folder: Path, *, invitations: int, times: int) -> Outcome:
    """Row 8: PostgreSQL restarted at once, repeatedly, while people invite."""
    with Service(folder) as service:
        database = service.parts["postgres"]

        def restart() -> None:
            if len(database.deaths) < times:
                service.kill("postgres", signal.SIGQUIT)

        with again_and_again(3, restart):
            service.client.invite_all(guests(invitations))
        finish(service, within=150)
        found = compare(service)
        (twice,) = service.rows("SELECT count(*) - count(DISTINCT email_key) FROM invitations")[0]
        return Outcome(
            kept(found) and not twice,
            f"{found}; restarted {len(service.parts['postgres'].deaths)} times; "
            f"answers {dict(service.client.statuses)}",
        )


def rolling_deployment(folder: Path, *, invitations: int, every: float) -> Outcome:
    """Row 17: every part asked to stop and restarted, one after the other, while people invite."""
    with Service(folder) as service:
        parts = cycle(["worker0", "scheduler", "worker1"])
        with again_and_again(every, lambda: service.send(next(parts), signal.SIGTERM)):
            service.client.invite_all(guests(invitations), at_a_time=2)
            finish(service, within=150)
        found = compare(service)
        return Outcome(kept(found) and found.copies == 0, str(found))


def stopped_worker(folder: Path, *, invitations: int) -> Outcome:
    """Row 13: workers frozen for longer than a lease, which then continue."""
    with Service(folder, workers=2) as service:
        service.client.invite_all(guests(invitations))
        service.send("worker0", signal.SIGSTOP, group=True)
        time.sleep(75)
        service.send("worker0", signal.SIGCONT, group=True)
        finish(service, within=150)
        found = compare(service)
        return Outcome(found.lost == 0 and found.copies <= 2, str(found))


def slow_domain(folder: Path, *, invitations: int, seconds: float) -> Outcome:
    """Row 20: a domain that is slow for each email. The others keep most of their speed."""
    spans = {}
    for slow in (0.0, seconds):
        with Service(folder / f"{slow:.0f}", sink={"slow": slow}) as service:
            dawdlers = [f"guest{number}@slow.example" for number in range(invitations // 5)]
            service.client.invite_all(dawdlers)
            others = guests(invitations)
            began = time.monotonic()
            service.client.invite_all(others)
            while {line["to"] for line in service.lines()}.issuperset(others) is False:
                time.sleep(0.1)
            spans[slow] = time.monotonic() - began
    share = spans[0.0] / spans[seconds]
    return Outcome(share >= 0.8, f"{invitations} emails beside a slow domain at {share:.0%} of their speed without it")


def _invite_at(client: Client, emails: list[str], pace: float) -> None:
    """Invite one address every `pace` seconds."""
    began = time.monotonic()
    for number, email in enumerate(emails):
        time.sleep(max(0.0, began + number * pace - time.monotonic()))
        client.invite(email)


def kept(found: Findings) -> bool:
    return found.lost == 0 and found.open == 0 and found.dead == 0 and found.unexplained == 0
