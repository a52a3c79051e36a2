"""Several hosts: groups of web, worker and scheduler, each with its own address, over one database and broker."""

import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from http.client import HTTPException
from itertools import count, cycle, islice
from pathlib import Path
from typing import Any

from shared.cli.embedded.process import wait_until
from tests.faults.ledger import compare
from tests.faults.scenarios import Outcome, finish, guests, kept
from tests.faults.service import Service

HOSTS = ("127.0.0.2", "127.0.0.3")
"""On Linux every address in 127.0.0.0/8 is the machine itself. Elsewhere the others have to be configured first."""


@contextmanager
def people_inviting(service: Service, name: str, *, pace: float = 0.1) -> Iterator[Callable[[], int]]:
    """Two people who invite, one after the other, during the block. Yields a function that counts their invitations."""
    over, invited = threading.Event(), count()
    done: list[str] = []

    def invite() -> None:
        while not over.wait(pace):
            number = next(invited)
            service.client.invite(f"{name}{number}@office{number % 50}.example")
            done.append(name)

    with ThreadPoolExecutor(2) as people:
        asked = [people.submit(invite) for _ in range(2)]
        try:
            yield lambda: len(done)
        finally:
            over.set()
    for person in asked:
        person.result()


def lose(service: Service, host: str) -> None:
    """Kill all of a host's parts at once, and keep them down."""
    service.hold_down(*service.on(host))


def bring_back(service: Service, host: str) -> None:
    service.let_up(*service.on(host))


def answer_of(service: Service, host: str, path: str) -> Any:
    """The response of a host's web server, or None if the connection is refused."""
    with closing(service.client_of(host)) as client, suppress(OSError, HTTPException):
        return client.ask("GET", path)[1]
    return None


def name_of(service: Service, worker: str) -> str:
    """The name in database rows of the process that currently is this worker. It logs the name once it is ready."""
    found = re.search(r"usher@(\S+) ready", service.parts[worker].log_text)
    return found[1] if found else "unknown"


def done_by(service: Service, worker: str) -> int:
    """The number of jobs that the process that currently is this worker has taken."""
    query = f"SELECT count(*) FROM jobs WHERE worker LIKE '{name_of(service, worker)}/%'"
    return int(service.rows(query)[0][0])


def lost_host(folder: Path, *, invitations: int, times: int) -> Outcome:
    """Kill a whole host while people invite, and keep it down until everything is done without it; then the other, in
    turns."""
    with Service(folder, hosts=HOSTS) as service:
        emails, waits = iter(guests(invitations)), []
        for host in islice(cycle(HOSTS), times):
            dying = threading.Timer(0.5, lose, (service, host))
            dying.start()
            service.client.invite_all(list(islice(emails, invitations // times)))
            dying.join()
            waits.append(finish(service, within=60))
            bring_back(service, host)
            wait_until(lambda host=host: answer_of(service, host, "/healthz") is not None, within=60)
        found, answers = compare(service), dict(service.client.statuses)
    return Outcome(
        kept(found) and answers.keys() <= {"202", "broken"},
        f"{found}; lost {times} times; without it all jobs ended {max(waits):.1f} s after the last invitation at the "
        f"latest; answers {answers}",
    )
