"""Fixtures of the workers' tests: an SMTP server, Alice's account with a contract, and a worker context over real
parts."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.orm import Session, sessionmaker

from shared.db.transaction import transaction
from shared.ids import new_id
from shared.models import Account, Contract, Membership, User
from shared.observability import log
from shared.permissions import Role
from shared.policy_context import load
from shared.settings.settings import Settings
from tests.smtp_server import SmtpServer
from tests.worker.world import World
from worker.context import WorkerContext


@pytest.fixture(autouse=True, scope="session")
def logs() -> None:
    """Logs as in production. The library's default prints each variable of each frame, which takes minutes."""
    log.configure("WARNING")


@pytest.fixture
def smtp() -> Iterator[SmtpServer]:
    with SmtpServer() as server:
        yield server


@pytest.fixture
def custom_settings(settings: Settings, smtp: SmtpServer) -> Settings:
    """The settings, with an SMTP server that responds."""
    return settings.model_copy(update={"smtp_url": smtp.url("?starttls=off")})


@pytest.fixture
def world(custom_settings: Settings, sessions: sessionmaker[Session]) -> World:
    now = datetime.now(UTC)
    alice = User(
        id=new_id("usr"),
        email="alice@acme.example",
        email_key="alice@acme.example",
        email_verified_at=now,
        name="Alice Chen",
        password_hash="",
    )
    account = Account(id=new_id("acc"), name="Acme")
    year = timedelta(days=200)
    with transaction(sessions) as session:
        session.add_all([alice, account])
        session.flush()
        session.add(Membership(id=new_id("mem"), account_id=account.id, user_id=alice.id, role=Role.OWNER))
        session.add(
            Contract(
                account_id=account.id,
                amount=1000,
                currency="USD",
                starts_on=(now - year).date(),
                ends_on=(now + year).date(),
            )
        )
    return World(sessions, load(custom_settings), alice, account)


@pytest.fixture
def context(custom_settings: Settings, world: World) -> Iterator[WorkerContext]:
    context = WorkerContext(custom_settings, world.rules, name="test", stopping=lambda: False)
    yield context
    context.close()
