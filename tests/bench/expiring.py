"""Many invitations whose time is over: the chore that ends them, beside one bare statement; and what calls notice."""

import statistics
import time
from multiprocessing import get_context
from typing import Any

import psycopg

from shared.db import open_engine, session_factory, transaction
from shared.permissions import Role
from shared.services import expiry
from tests.bench import people
from tests.bench.load import get, measure
from tests.bench.servers import database, web

INVITATIONS, OVER, SECONDS = 2_000_000, 200_000, 5.0

_ROWS = f"""
INSERT INTO invitations (id, account_id, email, email_key, role, status, delivery, invited_by, link_hash,
                         lifetime_seconds, resendable_at, expires_at)
  SELECT 'inv_' || lpad(n::text, 26, '0'), '{people.ACCOUNT}', 'guest' || n || '@corp.example',
         'guest' || n || '@corp.example', 'developer', 'pending', 'sent', '{people.user_id(1)}',
         sha256(n::text::bytea), 604800, now(), now() + interval '7 days'
  FROM generate_series(1, {INVITATIONS}) n
"""
_TIME_IS_OVER = f"""
UPDATE invitations SET status = 'pending', ended_at = NULL, expires_at = now() - interval '1 minute'
  WHERE id <= 'inv_' || lpad('{OVER}', 26, '0')
"""
_BARE = "UPDATE invitations SET status = 'expired', ended_at = now() WHERE status = 'pending' AND expires_at < now()"


def run() -> None:
    with database() as url:
        key = people.fill(url, 50, role=Role.ADMIN)
        with psycopg.connect(url, autocommit=True) as connection, web(url, processes=1, threads=1) as address:
            connection.execute(_ROWS)
            asked = get(f"/v1/accounts/{people.ACCOUNT}/members", key)
            measure(address, lambda: asked, connections=1, seconds=1)
            calm = measure(address, lambda: asked, connections=1, seconds=SECONDS)
            ours, bare = [], []
            for _ in range(3):
                bare.append(_timed(connection, lambda: connection.execute(_BARE)))
                ours.append(_timed(connection, lambda: _expire(url)))
            _make_due(connection)
            # A process, like the worker: a thread would hold up the one that measures.
            expiring = get_context("spawn").Process(target=_expire, args=(url,))
            expiring.start()
            meanwhile = measure(address, lambda: asked, connections=1, seconds=SECONDS)
            expiring.join()
    one, many = statistics.median(bare), statistics.median(ours)
    print(  # noqa: T201
        f"{OVER:,} of {INVITATIONS:,} expire: {many:,.0f} a second, each told of in the audit; one bare statement "
        f"{one:,.0f}, so {many / one:.0%} of that; meanwhile a list of members took p99 "
        f"{meanwhile.slowest_of(0.99):.1f} ms instead of {calm.slowest_of(0.99):.1f}"
    )


def _timed(connection: psycopg.Connection[Any], expire: Any) -> float:
    _make_due(connection)
    began = time.perf_counter()
    expire()
    return OVER / (time.perf_counter() - began)


def _make_due(connection: psycopg.Connection[Any]) -> None:
    connection.execute(_TIME_IS_OVER.encode())
    connection.execute("VACUUM ANALYZE invitations")


def _expire(url: str) -> None:
    """What the worker's chore does, until nothing is left."""
    engine = open_engine(url)
    while True:
        with transaction(session_factory(engine)) as session:
            if expiry.expire(session) < expiry.BATCH:
                break
    engine.dispose()
