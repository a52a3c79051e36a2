"""More ways in which a broker answers but accepts nothing. A replica and a full one are in the suite."""

import pytest
import redis

from tests.faults.service import Service
from tests.faults.test_broker_that_refuses import NOBODY, Commands, broker, nothing_ends, service

__all__ = ["broker", "service"]  # The fixtures.

TROUBLES: dict[str, tuple[Commands, Commands]] = {
    "its master is down": (
        [("CONFIG", "SET", "replica-serve-stale-data", "no"), ("REPLICAOF", *NOBODY)],
        [("REPLICAOF", "NO", "ONE"), ("CONFIG", "SET", "replica-serve-stale-data", "yes")],
    ),
    "it lacks replicas": (
        [("CONFIG", "SET", "min-replicas-to-write", "1")],
        [("CONFIG", "SET", "min-replicas-to-write", "0")],
    ),
    "it asks for a password": (
        [("CONFIG", "SET", "requirepass", "x"), ("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")],
        [("CONFIG", "SET", "requirepass", "")],
    ),
    "it may not be written to": (
        [("ACL", "SETUSER", "default", "-@write")],
        [("ACL", "SETUSER", "default", "+@write")],
    ),
    "it pauses who writes": ([("CLIENT", "PAUSE", "60000", "WRITE")], [("CLIENT", "UNPAUSE")]),
}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_no_part_ends_and_mail_flows(service: Service, broker: redis.Redis, trouble: str) -> None:
    nothing_ends(service, broker, *TROUBLES[trouble])
