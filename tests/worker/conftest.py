"""What the workers' tests share: a mail server, Alice's account with a contract, and a runtime over real parts."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.orm import Session, sessionmaker

from shared import log
from shared.config import Settings
from shared.db import transaction
from shared.ids import new_id
from shared.models import Account, Contract, Membership, User
from shared.permissions import Role
from shared.services.rules import load
from tests.smtp_server import SmtpServer
from tests.worker.world import World
from worker.runtime import Runtime


@pytest.fixture(autouse=True, scope="session")
def logs() -> None:
    """Logs as in production: the library's own way prints each variable of each frame, which takes minutes."""
    log.configure("WARNING")


@pytest.fixture
def smtp() -> Iterator[SmtpServer]:
    with SmtpServer() as server:
        yield server


@pytest.fixture
def told(settings: Settings, smtp: SmtpServer) -> Settings:
    """The settings, with a mail server that answers."""
    return settings.model_copy(update={"smtp_url": smtp.url("?starttls=off")})


@pytest.fixture
def world(told: Settings, sessions: sessionmaker[Session]) -> World:
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
    return World(sessions, load(told), alice, account)


@pytest.fixture
def runtime(told: Settings, world: World) -> Iterator[Runtime]:
    runtime = Runtime(told, world.rules, name="test", stopping=lambda: False)
    yield runtime
    runtime.close()
