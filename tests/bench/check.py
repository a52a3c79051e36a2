"""`POST /v1/check` against 1,000,000 memberships: one check at a time, and many at once."""

import json
import random
from functools import partial

from shared.permissions import Permission
from tests.bench import people
from tests.bench.load import Measured, in_turns, post
from tests.bench.servers import database, minimal, web

MEMBERS = 1_000_000
SECONDS = 4.0


def run() -> None:
    with database() as url:
        key = people.fill(url, MEMBERS)
        with web(url, processes=2, threads=1) as ours, minimal(url, processes=2, threads=1) as plain:
            for size in (1, 100, 1000):
                ask = partial(_request, key, size)
                # Enough requests in flight to keep both processes busy. More would only measure waiting.
                _tell(size, *in_turns((ours, ask), (plain, ask), connections=4, seconds=SECONDS))


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


def _tell(size: int, ours: Measured, plain: Measured) -> None:
    rate, share = ours.per_second * size, ours.per_second / plain.per_second
    print(  # noqa: T201
        f"check, {size:>4} at once: {rate:>9,.0f} checks/s, p99 {ours.slowest_of(0.99):.2f} ms; "
        f"a bare Flask view {plain.per_second * size:>9,.0f}, so {share:.0%} of that"
    )


_PERMISSIONS = [str(permission) for permission in Permission]
