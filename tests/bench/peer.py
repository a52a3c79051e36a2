"""Usher compared with its alternatives better-auth and django-invitations: the same work, processes, load and
PostgreSQL, in turns."""

import json
from collections.abc import Callable
from datetime import timedelta
from itertools import count

import psycopg

from shared.accounts import sessions
from shared.actor import SYSTEM
from shared.db.engine import open_engine
from shared.db.transaction import session_factory, transaction
from shared.models import User
from shared.permissions import Role
from shared.tokens import Purpose, derive, sha256
from tests.bench import people
from tests.bench.load import get, in_turns, post
from tests.bench.peers import django_invitations as django
from tests.bench.peers.better_auth import VERSION, BetterAuth, better_auth, can_be_had
from tests.bench.peers.django_invitations import django_invitations
from tests.bench.servers import SECRET_KEY, broker, database, web

PROCESSES, CONNECTIONS, SECONDS, MEMBERS, OFFERS = 2, 4, 3.0, 50, 40_000
_HERE = f"/v1/accounts/{people.ACCOUNT}"
_INVITER, _INVITED = people.user_id(1), people.user_id(MEMBERS)
_OTHERS = f"""
INSERT INTO accounts (id, name) SELECT 'acc_' || n, 'Account ' || n FROM generate_series(1, {OFFERS}) n;
INSERT INTO contracts (account_id, amount, currency, starts_on, ends_on)
  SELECT 'acc_' || n, 1000, 'USD', current_date, current_date + 365 FROM generate_series(1, {OFFERS}) n;
INSERT INTO memberships (id, account_id, user_id, role)
  SELECT 'mem_x' || n, 'acc_' || n, '{_INVITER}', 'owner' FROM generate_series(1, {OFFERS}) n;
"""
_OFFER = (
    "INSERT INTO invitations (id, account_id, email, email_key, role, status, delivery, invited_by, link_hash,"
    " lifetime_seconds, resendable_at, expires_at) SELECT %s, %s, email, email_key, 'developer', 'pending', 'sent', %s,"
    " %s, 604800, now(), now() + interval '7 days' FROM users WHERE id = %s"
)

Ask = Callable[[], bytes]


def run() -> None:
    _beside_django()
    if not can_be_had():
        print("peer: NODE AND NPM ARE MISSING, better-auth was not measured")  # noqa: T201
        return
    with database() as mine, database() as theirs, broker() as queue:
        key = people.fill(mine, MEMBERS, role=Role.ADMIN)
        session, tokens = _invited_often(mine)
        ours = web(mine, processes=PROCESSES, threads=1, broker_url=queue)
        peer = better_auth(theirs, processes=PROCESSES, members=MEMBERS, offers=OFFERS)
        with ours as address, peer as other:
            for name, mine_asks, theirs_asks in _work(key, session, tokens, other):
                _compare(name, f"better-auth {VERSION}", (address, mine_asks), (other.address, theirs_asks))


def _beside_django() -> None:
    """Compare inviting only. django-invitations has no accounts or roles, and accepting creates no membership."""
    with database() as mine, database() as theirs, broker() as queue:
        key, guests, their_guests = people.fill(mine, MEMBERS, role=Role.ADMIN), count(), count()
        ours = web(mine, processes=PROCESSES, threads=1, broker_url=queue)
        with ours as address, django_invitations(theirs, processes=PROCESSES, connections=CONNECTIONS) as other:
            _compare(
                "create an invitation",
                f"django-invitations {django.VERSION}",
                (address, lambda: post(f"{_HERE}/invitations", key, _body(_guest(guests), role="developer"))),
                (other.address, lambda: other.invite(_guest(their_guests)["email"])),
            )


def _compare(name: str, peer: str, *both: tuple[tuple[str, int], Ask]) -> None:
    ours, theirs = (each.per_second for each in in_turns(*both, connections=CONNECTIONS, seconds=SECONDS))
    print(f"{name}: {ours:,.0f}/s; {peer} {theirs:,.0f}/s, so {ours / theirs:.1f} times that")  # noqa: T201


def _work(key: str, session: str, tokens: list[str], other: BetterAuth) -> list[tuple[str, Ask, Ask]]:
    mine, theirs, offers, links = count(), count(), count(1), iter(tokens)
    wanted = {"account_id": people.ACCOUNT, "user_id": people.user_id(2), "permission": "team:edit"}
    theirs_wanted = {"organizationId": other.organization, "permissions": {"invitation": ["create"]}}
    listing = f"list-members?organizationId={other.organization}&limit={MEMBERS}"
    return [
        (
            "create an invitation",
            lambda: post(f"{_HERE}/invitations", key, _body(_guest(mine), role="developer")),
            lambda: other.post(
                "invite-member", _body(_guest(theirs), role="member", organizationId=other.organization)
            ),
        ),
        (
            "accept one",
            lambda: post("/v1/invitations/accept", session, _body({"token": next(links)})),
            lambda: other.post("accept-invitation", _body({"invitationId": f"i{next(offers)}"})),
        ),
        (f"list {MEMBERS} members", lambda: get(f"{_HERE}/members", key), lambda: other.get(listing)),
        (
            "check a permission",
            lambda: post("/v1/check", key, _body(wanted)),
            lambda: other.post("has-permission", _body(theirs_wanted)),
        ),
    ]


def _guest(numbers: "count[int]") -> dict[str, str]:
    number = next(numbers)
    return {"email": f"guest{number}@corp{number % 50}.example"}


def _body(fields: dict[str, object] | dict[str, str], **more: object) -> bytes:
    return json.dumps({**fields, **more}).encode()


def _invited_often(url: str) -> tuple[str, list[str]]:
    """A user invited by very many accounts: their session, and the tokens of the links."""
    ids = [f"inv_{number:026d}" for number in range(1, OFFERS + 1)]
    tokens = [derive(SECRET_KEY, Purpose.INVITATION, each, 1) for each in ids]
    rows = [
        (each, f"acc_{number}", _INVITER, sha256(token), _INVITED)
        for number, (each, token) in enumerate(zip(ids, tokens, strict=True), start=1)
    ]
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(_OTHERS)
        with connection.cursor() as cursor:
            cursor.executemany(_OFFER, rows)
        connection.execute("VACUUM ANALYZE")
    engine = open_engine(url)
    with transaction(session_factory(engine)) as session:
        person = session.get_one(User, _INVITED)
        token, _ = sessions.start(session, actor=SYSTEM, user_id=person.id, ttl=timedelta(hours=1))
    engine.dispose()
    return token, tokens
