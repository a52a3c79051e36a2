"""A broker that answers but accepts nothing: a replica after a failover, full, password-protected, paused, or loading.

No part ends. Meanwhile the scheduler sends all emails, and afterwards a worker does again.
"""

import signal
import time
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from shared.jobs.publisher import Publisher
from shared.models import JobKind
from tests.cli.processes import eventually
from tests.faults.ledger import compare
from tests.faults.scenarios import finish
from tests.faults.service import Service
from tests.worker.test_broker import address

NOBODY = ("127.0.0.1", "1")
BY_A_WORKER = "SELECT count(*) FROM jobs j JOIN heartbeats h ON j.worker LIKE h.name || '/%' WHERE h.part = 'worker'"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("s"), workers=1) as service:
        service.client.invite("first@office.example")
        finish(service, within=30)
        yield service


@pytest.fixture
def broker(service: Service) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(address(service.settings.broker_url)) as client:
        yield client


def running(service: Service) -> dict[str, int]:
    return {name: part.process.pid for name, part in service.parts.items() if part.process is not None}


Commands = list[tuple[Any, ...]]


@pytest.mark.parametrize(
    ("spoil", "fix"),
    [
        ([("REPLICAOF", *NOBODY)], [("REPLICAOF", "NO", "ONE")]),
        ([("CONFIG", "SET", "maxmemory", "1")], [("CONFIG", "SET", "maxmemory", "0")]),
    ],
    ids=["it became a replica", "it is full"],
)
def test_no_part_ends_and_mail_flows(service: Service, broker: redis.Redis, spoil: Commands, fix: Commands) -> None:
    nothing_ends(service, broker, spoil, fix)


def nothing_ends(service: Service, broker: redis.Redis, spoil: Commands, fix: Commands) -> None:
    """Invite while these commands break the broker, and again after the others have fixed it."""
    before = running(service)
    service.send("worker0", signal.SIGSTOP, group=True)
    publisher = Publisher(service.settings.broker_url)
    for number in range(20):  # Messages left over from a failover, which no consumer can take.
        publisher.publish([(JobKind.INVITATION_CHECK, f"job_{number}")])
    publisher.close()
    for command in spoil:
        broker.execute_command(*command)
    service.send("worker0", signal.SIGCONT, group=True)
    try:
        emails = [f"guest{time.monotonic_ns()}@office{number}.example" for number in range(4)]
        since = len(service.client.seconds)
        service.client.invite_all(emails, at_a_time=2)
        assert max(service.client.seconds[since:]) < 2
        eventually(lambda: {line["to"] for line in service.lines()} >= set(emails), within=30)
        time.sleep(2)  # Long enough for a worker that would give up.
    finally:
        for command in fix:
            broker.execute_command(*command)
    eventually(lambda: by_a_worker(service), within=40)
    assert running(service) == before
    found = compare(service)
    assert (found.lost, found.open, found.dead, found.copies) == (0, 0, 0, 0), found


def by_a_worker(service: Service) -> bool:
    before = service.rows(BY_A_WORKER)[0][0]
    service.client.invite(f"heard{time.monotonic_ns()}@office.example")
    finish(service, within=30)
    return bool(service.rows(BY_A_WORKER)[0][0] > before)
