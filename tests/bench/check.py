"""`POST /v1/check` against 1,000,000 memberships: one question at a time, and many at once."""

import json
import random
from functools import partial

from shared.permissions import Permission
from tests.bench import people
from tests.bench.load import Measured, measure, post
from tests.bench.servers import database, web

MEMBERS = 1_000_000
SECONDS = 8.0


def run() -> None:
    with database() as url:
        key = people.fill(url, MEMBERS)
        with web(url, processes=2, threads=1) as address:
            for size in (1, 100, 1000):
                ask = partial(_request, key, size)
                measure(address, ask, connections=2, seconds=1)
                # Enough in flight to keep both processes busy; more would only measure the waiting.
                _tell(size, measure(address, ask, connections=4, seconds=SECONDS))


def _request(key: str, size: int) -> bytes:
    asked = [
        {
            "account_id": people.ACCOUNT,
            "user_id": people.user_id(random.randint(1, MEMBERS)),
            "permission": random.choice(_PERMISSIONS),
        }
        for _ in range(min(size, 20))
    ]
    body = asked[0] if size == 1 else {"checks": asked * (size // 20)}
    return post("/v1/check", key, json.dumps(body).encode())


def _tell(size: int, measured: Measured) -> None:
    rate, slowest = measured.per_second * size, measured.slowest_of(0.99)
    print(f"check, {size:>4} at once: {rate:>9,.0f} checks/s, p99 {slowest:.2f} ms")  # noqa: T201


_PERMISSIONS = [str(permission) for permission in Permission]
