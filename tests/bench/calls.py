"""Inviting, one and a thousand at once, and listing, each compared with a bare Flask view with minimal SQL for it."""

import json
from collections.abc import Callable
from itertools import count

from shared.permissions import Role
from tests.bench import people
from tests.bench.load import get, in_turns, post
from tests.bench.servers import broker, database, minimal, web

MEMBERS, SECONDS, MANY = 10_000, 5.0, 1000
PATH = f"/v1/accounts/{people.ACCOUNT}"
_fresh = count()


def run() -> None:
    with database() as url, broker() as queue:
        key = people.fill(url, MEMBERS, role=Role.ADMIN)
        ours = web(url, processes=2, threads=1, broker_url=queue)
        with ours as address, minimal(url, processes=2, threads=1) as plain:
            for name, each, ask in (
                ("invite one", 1, lambda: post(f"{PATH}/invitations", key, json.dumps(invitation_body()).encode())),
                (f"invite {MANY}", MANY, lambda: post(f"{PATH}/invitations/batch", key, batch_body())),
                ("list 50 members", 1, lambda: get(f"{PATH}/members", key)),
                ("list 50 invitations", 1, lambda: get(f"{PATH}/invitations", key)),
            ):
                _compare(name, each, ask, address, plain)


def _compare(name: str, each: int, ask: Callable[[], bytes], ours: tuple[str, int], plain: tuple[str, int]) -> None:
    mine, bares = in_turns((ours, ask), (plain, ask), connections=4, seconds=SECONDS)
    print(  # noqa: T201
        f"{name}: {mine.per_second * each:,.0f}/s, p50 {mine.slowest_of(0.5):.1f} ms, p99 {mine.slowest_of(0.99):.1f} "
        f"ms; a bare Flask view {bares.per_second * each:,.0f}, so {mine.per_second / bares.per_second:.0%} of that"
    )


def invitation_body() -> dict[str, str]:
    """The body of an invitation to a new address."""
    number = next(_fresh)
    return {"email": f"guest{number}@corp{number % 50}.example", "role": "developer"}


def batch_body() -> bytes:
    """The body of a batch of a thousand such invitations."""
    return json.dumps({"invitations": [invitation_body() for _ in range(MANY)]}).encode()
