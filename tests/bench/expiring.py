"""Expiry of many invitations, compared with one bare statement, and its effect on concurrent calls."""

import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Any

import psycopg

from shared.db.engine import open_engine
from shared.db.transaction import session_factory, transaction
from shared.invitations import expiry
from shared.permissions import Role
from tests.bench import people
from tests.bench.load import get, measure
from tests.bench.servers import database, web

INVITATIONS, OVER, SECONDS = 2_000_000, 200_000, 2.0

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
_MINIMAL = "UPDATE invitations SET status = 'expired', ended_at = now() WHERE status = 'pending' AND expires_at < now()"


def run() -> None:
    with database() as url:
        key = people.fill(url, 50, role=Role.ADMIN)
        with psycopg.connect(url, autocommit=True) as connection, web(url, processes=1, threads=1) as address:
            connection.execute(_ROWS)
            asked = get(f"/v1/accounts/{people.ACCOUNT}/members", key)
            measure(address, lambda: asked, connections=1, seconds=1)
            ours, minimal, calm, meanwhile = [], [], [], []
            for _ in range(3):
                minimal.append(_timed(connection, lambda: connection.execute(_MINIMAL)))
                ours.append(_timed(connection, lambda: _expire(url)))
                calm.append(measure(address, lambda: asked, connections=1, seconds=SECONDS))
                with _expiring(connection, url):
                    meanwhile.append(measure(address, lambda: asked, connections=1, seconds=SECONDS))
    one, many = statistics.median(minimal), statistics.median(ours)
    before, then = (statistics.median(each.slowest_of(0.99) for each in some) for some in (calm, meanwhile))
    print(  # noqa: T201
        f"{OVER:,} of {INVITATIONS:,} expire: {many:,.0f} a second, each told of in the audit; one bare statement "
        f"{one:,.0f}, so {many / one:.0%} of that; meanwhile a list of members took p99 {then:.1f} ms instead of "
        f"{before:.1f}"
    )


@contextmanager
def _expiring(connection: psycopg.Connection[Any], url: str) -> Iterator[None]:
    """Expire everything in a separate process, as a worker does, from before this block begins."""
    _make_due(connection)
    # A forked process would first copy pages of the one that measures.
    expiring = get_context("spawn").Process(target=_expire, args=(url,))
    expiring.start()
    while not connection.execute("SELECT 1 FROM invitations WHERE status = 'expired' LIMIT 1").fetchone():
        time.sleep(0.01)
    yield
    expiring.join()


def _timed(connection: psycopg.Connection[Any], expire: Any) -> float:
    _make_due(connection)
    began = time.perf_counter()
    expire()
    return OVER / (time.perf_counter() - began)


def _make_due(connection: psycopg.Connection[Any]) -> None:
    connection.execute(_TIME_IS_OVER.encode())
    connection.execute("VACUUM ANALYZE invitations")


def _expire(url: str) -> None:
    """Run the worker's expiry task until nothing is left."""
    engine = open_engine(url)
    while True:
        with transaction(session_factory(engine)) as session:
            if expiry.expire(session) < expiry.BATCH:
                break
    engine.dispose()
