"""The cost of checks: lookups in all lists, the instant checks of a request, and a name server that never answers."""

import sys
import time
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from ipaddress import IPv4Address
from pathlib import Path
from random import Random

from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from shared.actor import Actor, ActorKind
from shared.checks.evaluate import evaluate
from shared.checks.ip_ranges import Tables
from shared.clock import now
from shared.db.engine import open_engine
from shared.db.transaction import session_factory, transaction
from shared.email_address import parse
from shared.ids import new_id
from shared.invitations.create import CreatedInvitation, InvitationRequest, invite_all
from shared.models import Account, Contract, Job, JobKind, Membership, User
from shared.networks.formats import read_list
from shared.permissions import Role
from shared.policy import ListSource
from shared.policy_context import PolicyContext, load
from shared.screening import facts
from shared.settings.settings import Settings
from tests.bench.servers import database
from tests.dns_server import DnsServer
from worker.context import WorkerContext
from worker.tasks.checks import check_invitations

DATA = Path(__file__).parents[3] / "shared" / "data" / "ip"
LISTS = (
    *(("vpn", "vpn-ipv4.txt"), ("vpn", "vpn-ipv6.txt"), ("datacenter", "datacenter-ipv4.txt")),
    *(("datacenter", "datacenter-ipv6.txt"), ("relay", "apple-private-relay.txt"), ("tor", "tor-exits.csv")),
    *(("mmdb", "GeoIP2-Anonymous-IP-Test.mmdb"), ("mmdb", "GeoIP-Anonymous-Plus-Test.mmdb")),
)
LOOK_UPS, REQUESTS, INVITATIONS, ROUND = 20_000, 2_000, 400, 20


def run() -> None:
    if not DATA.is_dir():
        print(f"checks: THE REAL LISTS ARE MISSING, put them at {DATA}")  # noqa: T201
        return
    _look_ups()
    with database() as url, DnsServer() as names:
        settings = _settings(url, names)
        engine = open_engine(url, pool_size=2)
        sessions = session_factory(engine)
        actor = _inviter(sessions)
        _requests(sessions, load(settings), actor)
        for silent in (0, 40, 5):
            _rounds(sessions, settings, actor, silent)
        engine.dispose()


def _look_ups() -> None:
    tables = [read_list(kind, DATA / name) for kind, name in LISTS]
    held = sum(_bytes(table) for table in tables if isinstance(table, Tables))
    dice = Random(1)
    addresses = [IPv4Address(dice.getrandbits(32)) for _ in range(LOOK_UPS)]
    began = time.perf_counter()
    for address in addresses:
        for table in tables:
            table.kinds_of(address)
    each = (time.perf_counter() - began) / LOOK_UPS
    networks = sum(table.size for table in tables)
    print(f"checks, look-up in {len(tables)} lists of {networks:,} networks: {each * 1e6:.1f} µs, {held / 1e6:.1f} MB")  # noqa: T201


def _requests(sessions: sessionmaker[Session], policy: PolicyContext, actor: Actor) -> None:
    policy.networks.loaded()
    times = array("d")
    with sessions() as session:
        for number in range(REQUESTS):
            address = parse(f"dora{number}@corp{number}.test")
            began = time.perf_counter()
            about = facts.facts_of(
                session,
                actor=actor,
                policy=policy,
                account_id=actor.account_id or "",
                address=address,
                role=Role.DEVELOPER,
            )
            evaluate(about, lists=policy.lists, settings=policy.settings)
            times.append(time.perf_counter() - began)
    slowest = sorted(times)[int(len(times) * 0.99)]
    middle = sorted(times)[len(times) // 2]
    print(f"checks, instant ones of a request: p50 {middle * 1e3:.2f} ms, p99 {slowest * 1e3:.2f} ms")  # noqa: T201


def _rounds(sessions: sessionmaker[Session], settings: Settings, actor: Actor, silent: int) -> None:
    """Check invitations to distinct domains, so that each needs a query. One in `silent` is never answered."""
    policy = load(settings.model_copy(update={"network_lists": ()}))
    kinds = ["silent" if silent and number % silent == 0 else "mx" for number in range(INVITATIONS)]
    requests = [
        InvitationRequest(f"dora@{kind}-{silent}-{number}.test", Role.DEVELOPER) for number, kind in enumerate(kinds)
    ]
    with transaction(sessions) as session:
        made = invite_all(session, actor=actor, policy=policy, account_id=str(actor.account_id), requests=requests)
    answered = INVITATIONS - (INVITATIONS // silent if silent else 0)
    with _runtime(settings, policy) as context, sessions() as session:
        ours = [each.id for each in made if isinstance(each, CreatedInvitation)]
        mine = Job.subject_id.in_(ours) & (Job.kind == JobKind.INVITATION_CHECK)
        due = select(Job.id).where(mine, Job.state == "queued", Job.due_at <= func.clock_timestamp()).limit(ROUND)
        done = select(func.count()).where(mine, Job.state == "done")
        began = time.perf_counter()
        while (session.scalar(done) or 0) < answered:
            check_invitations(context, list(session.scalars(due)))
            session.rollback()
        took = time.perf_counter() - began
    text = f"one domain in {silent} never answered" if silent else "every domain answered"
    print(f"checks, in a worker, {text}: the other {answered} were checked at {answered / took:,.0f} a second")  # noqa: T201


@contextmanager
def _runtime(settings: Settings, policy: PolicyContext) -> Iterator[WorkerContext]:
    context = WorkerContext(settings, policy, name="bench", stopping=lambda: False)
    try:
        yield context
    finally:
        context.close()


def _settings(url: str, names: DnsServer) -> Settings:
    return Settings(
        database_url=url,
        broker_url="redis://127.0.0.1:9/0",
        smtp_url="smtp://127.0.0.1:9?starttls=off",
        mail_from="Usher <usher@corp.example>",
        public_url="http://localhost:8000",
        secret_keys=("a-secret-key-of-the-benches-and-of-nothing-else",),
        dns_servers=(names.address,),
        network_lists=tuple(ListSource(kind, str(DATA / name)) for kind, name in LISTS),
    )


def _inviter(sessions: sessionmaker[Session]) -> Actor:
    today = now().date()
    user = User(id=new_id("usr"), email="a@corp.example", email_key="a@corp.example", name="Alice", password_hash="")
    account = Account(id=new_id("acc"), name="Acme")
    with transaction(sessions) as session:
        session.add_all([user, account])
        session.flush()
        session.add(Membership(id=new_id("mem"), account_id=account.id, user_id=user.id, role=Role.OWNER))
        terms = {"amount": 1000, "currency": "USD", "starts_on": today, "ends_on": today + timedelta(days=400)}
        session.add(Contract(account_id=account.id, **terms))
    return Actor(ActorKind.USER, user.id, user.id, account.id, (Role.OWNER,), origin="93.184.216.34")


def _bytes(tables: Tables) -> int:
    return sum(sys.getsizeof(one) + _held(one) for pair in tables.by_kind.values() for one in pair)


def _held(table: object) -> int:
    return sum(sys.getsizeof(value) for value in vars(table).values())
