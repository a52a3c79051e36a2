"""The team page of an account with 10,000 members, as a browser without a cache requests it."""

from datetime import timedelta

from shared.accounts import sessions
from shared.actor import SYSTEM
from shared.db.engine import open_engine
from shared.db.transaction import session_factory, transaction
from shared.models import User
from tests.bench import people
from tests.bench.load import measure
from tests.bench.servers import database, web

MEMBERS, SECONDS = 10_000, 5.0


def run() -> None:
    with database() as url:
        people.fill(url, MEMBERS)
        request = _request(_signed_in(url))
        with web(url, processes=1, threads=1) as address:
            measure(address, lambda: request, connections=1, seconds=1)
            took = measure(address, lambda: request, connections=1, seconds=SECONDS)
    middle, slowest = took.slowest_of(0.5), took.slowest_of(0.99)
    print(f"team page of {MEMBERS:,} members, one after the other: p50 {middle:.0f} ms, p99 {slowest:.0f} ms")  # noqa: T201


def _signed_in(url: str) -> str:
    engine = open_engine(url)
    with transaction(session_factory(engine)) as session:
        owner = session.get_one(User, people.user_id(1))
        token, _ = sessions.start(session, actor=SYSTEM, user_id=owner.id, ttl=timedelta(hours=1))
    engine.dispose()
    return token


def _request(token: str) -> bytes:
    head = (
        f"GET /accounts/{people.ACCOUNT}/team HTTP/1.1\r\nHost: bench\r\nAccept: text/html\r\nCookie: usher={token}\r\n"
    )
    return f"{head}\r\n".encode()
