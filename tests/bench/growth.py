"""Calls on a small installation, and on one with a thousand times as many rows.

Filling takes some minutes and 15 GB of disk, so it runs only by name: `python -m tests.bench growth`.
"""

import json
from collections.abc import Callable
from functools import partial

import psycopg

from shared.permissions import Permission, Role
from tests.bench import people
from tests.bench.calls import MANY, PATH, batch_body, invitation_body
from tests.bench.load import get, in_turns, post
from tests.bench.servers import broker, database, web

SMALL, LARGE, SECONDS = 10_000, 10_000_000, 3.0
"""The numbers of invitations. There is a member, a job and an event for every ten of them."""

_ROWS = f"""
INSERT INTO accounts (id, name) SELECT 'acc_' || n, 'Account ' || n FROM generate_series(0, {{n}} / 1000) n;
INSERT INTO invitations (id, account_id, email, email_key, role, status, delivery, invited_by, link_hash,
                         lifetime_seconds, resendable_at, created_at, expires_at, ended_at)
  SELECT 'inv_' || lpad(n::text, 26, '0'), CASE WHEN n % 2 = 0 THEN '{people.ACCOUNT}' ELSE 'acc_' || n / 1000 END,
         email, email, 'developer', CASE WHEN ended IS NULL THEN 'pending' ELSE 'expired' END, 'sent',
         '{people.user_id(1)}', sha256(n::text::bytea), 604800, at, at, at + interval '7 days', ended
  FROM (SELECT n, 'guest' || n || '@corp' || n % 5000 || '.example' AS email,
               now() - ({{n}} - n) * interval '6 seconds' AS at,
               CASE WHEN n < {{n}} * 0.9 THEN now() END AS ended FROM generate_series(1, {{n}}) n) rows;
INSERT INTO jobs (id, kind, state, account_id, subject_id, created_at, finished_at)
  SELECT 'job_' || substr(id, 5), 'invitation.mail', 'done', account_id, id, created_at, created_at
  FROM invitations WHERE id <= 'inv_' || lpad(({{n}} / 10)::text, 26, '0');
INSERT INTO audit_events (id, account_id, subject_id, action, actor, data)
  SELECT 'evt_' || substr(id, 5), account_id, id, 'invitation.created', '{{{{"kind": "system"}}}}', '{{{{}}}}'
  FROM invitations WHERE id <= 'inv_' || lpad(({{n}} / 10)::text, 26, '0');
"""


def run() -> None:
    with database() as small, database() as large, broker() as queue:
        keys = [_fill(url, invitations) for url, invitations in ((small, SMALL), (large, LARGE))]
        few, many = (web(url, processes=1, threads=1, broker_url=queue) for url in (small, large))
        with few as here, many as there:
            for name, ask in _CALLS.items():
                _compare(name, *((place, partial(ask, key)) for place, key in zip((here, there), keys, strict=True)))


def _fill(url: str, invitations: int) -> str:
    key = people.fill(url, invitations // 10, role=Role.ADMIN)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(_ROWS.format(n=invitations).encode())
        connection.execute("VACUUM ANALYZE")
    return key


def _compare(name: str, *sides: tuple[tuple[str, int], Callable[[], bytes]]) -> None:
    small, large = in_turns(*sides, connections=2, seconds=SECONDS)
    cost = small.per_second / large.per_second
    print(  # noqa: T201
        f"{name}: p50 {small.slowest_of(0.5):.2f} ms with {SMALL:,} invitations, {large.slowest_of(0.5):.2f} with "
        f"{LARGE:,}, so {cost:.2f} times as much"
    )


def _check(key: str) -> bytes:
    asked = {"account_id": people.ACCOUNT, "user_id": people.user_id(500), "permission": next(iter(Permission))}
    return post("/v1/check", key, json.dumps(asked).encode())


_CALLS: dict[str, Callable[[str], bytes]] = {
    "invite one": lambda key: post(f"{PATH}/invitations", key, json.dumps(invitation_body()).encode()),
    f"invite {MANY:,}": lambda key: post(f"{PATH}/invitations/batch", key, batch_body()),
    "check": _check,
    "list 50 members": lambda key: get(f"{PATH}/members", key),
    "find a member": lambda key: get(f"{PATH}/members?q=person77", key),
    "list 50 invitations": lambda key: get(f"{PATH}/invitations", key),
    "list 50 open invitations": lambda key: get(f"{PATH}/invitations?status=pending", key),
    "list 50 jobs": lambda key: get(f"{PATH}/jobs", key),
    "list 50 events": lambda key: get(f"{PATH}/audit-events", key),
}
