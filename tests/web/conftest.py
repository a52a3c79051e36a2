"""The web application on a separate database, and the tests' people: Alice is an owner, Bob a member, Charlie a
stranger."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func
from sqlalchemy.orm import Session, sessionmaker

from shared import policy_context
from shared.accounts import api_keys
from shared.accounts import sessions as sign_ins
from shared.actor import SYSTEM
from shared.clock import now
from shared.db.transaction import transaction
from shared.email_address import parse
from shared.ids import new_id
from shared.models import Account, Contract, Invitation, Membership, User
from shared.permissions import Role
from shared.screening import screen
from shared.settings.settings import Settings
from shared.tokens import Purpose, derive
from web.app import create_app
from web.database import db

PASSWORD = "correct horse battery"
ROUNDS = int(os.environ.get("USHER_TEST_ROUNDS", "25"))
"""The number of runs of each race; `make faults` runs each 500 times."""


@dataclass
class Caller:
    """A caller with a bearer token, or an anonymous one. Sends and receives JSON."""

    http: FlaskClient
    token: str | None = None
    id: str = ""
    email: str = ""

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = self.http.open(path, method=method, json=body, headers=headers)
        if answer.status_code < 300:
            has_the_shape_it_should(self.http.application, answer)
        return answer

    def get(self, path: str, **headers: str) -> Any:
        return self.ask("GET", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.ask("POST", path, body, **headers)

    def patch(self, path: str, body: Any) -> Any:
        return self.ask("PATCH", path, body)

    def put(self, path: str, body: Any) -> Any:
        return self.ask("PUT", path, body)

    def delete(self, path: str) -> Any:
        return self.ask("DELETE", path)


def has_the_shape_it_should(app: Flask, answer: Any) -> None:
    """Expect the response to match the OpenAPI document in every field, since some are sent without validation."""
    endpoint, _ = app.url_map.bind("").match(answer.request.path, method=answer.request.method)
    spec = getattr(app.view_functions[endpoint], "spec", None)
    if spec is not None and spec.response is not None:
        text = spec.response.model_validate_json(answer.data).model_dump_json(exclude_unset=True)
        assert json.loads(text) == answer.json


class World:
    """Creates the rows that a test starts with, without the calls that other tests cover."""

    def __init__(self, app: Flask, settings: Settings, factory: sessionmaker[Session]) -> None:
        self.app, self.settings, self.sessions = app, settings, factory
        self.rules = policy_context.load(settings)

    @property
    def nobody(self) -> Caller:
        return Caller(self.app.test_client())

    @property
    def operator(self) -> Caller:
        return Caller(self.app.test_client(), self.settings.operator_key)

    def person(self, email: str, *, proven: bool = True, password_hash: str = "no password fits") -> Caller:
        address = parse(email)
        with transaction(self.sessions) as session:
            user = User(
                id=new_id("usr"),
                email=address.shown,
                email_key=address.key,
                name=address.shown.partition("@")[0].title(),
                password_hash=password_hash,
                email_verified_at=func.now() if proven else None,
            )
            session.add(user)
            session.flush()
            token, _ = sign_ins.start(session, actor=SYSTEM, user_id=user.id, ttl=timedelta(hours=1))
        return Caller(self.app.test_client(), token, user.id, email)

    def account(self, owner: Caller, name: str = "Acme", *, contract: bool = True) -> str:
        with transaction(self.sessions) as session:
            account = Account(id=new_id("acc"), name=name)
            session.add(account)
            session.flush()
            if contract:
                today = now().date()
                session.add(
                    Contract(
                        account_id=account.id,
                        amount=1000,
                        currency="USD",
                        starts_on=today,
                        ends_on=today + timedelta(days=365),
                    )
                )
        self.join(account.id, owner, Role.OWNER)
        return account.id

    def join(self, account_id: str, person: Caller, role: Role) -> str:
        with transaction(self.sessions) as session:
            membership = Membership(id=new_id("mem"), account_id=account_id, user_id=person.id, role=role)
            session.add(membership)
        return membership.id

    def api_key(self, account_id: str, creator: Caller, role: Role) -> Caller:
        with transaction(self.sessions) as session:
            key, secret = api_keys.create(
                session, actor=SYSTEM, account_id=account_id, name="a program", role=role, created_by=creator.id
            )
        return Caller(self.app.test_client(), secret, key.id)

    def invited(self, account_id: str, by: Caller, email: str, role: Role = Role.DEVELOPER, **more: Any) -> str:
        """The id of an invitation that passed its checks and whose link was sent."""
        answer = by.post(f"/v1/accounts/{account_id}/invitations", {"email": email, "role": role, **more})
        assert answer.status_code == 202, answer.text
        self.check(answer.json["id"])
        return answer.json["id"]

    def check(self, invitation_id: str) -> None:
        """Run the enqueued check as a worker does."""
        with transaction(self.sessions) as session:
            screen.screen(session, policy=self.rules, invitation_ids=[invitation_id])

    def token(self, invitation_id: str) -> str:
        """The token in the invitation's email."""
        with self.sessions() as session:
            generation = session.get_one(Invitation, invitation_id).generation
        return derive(self.settings.secret_keys[0], Purpose.INVITATION, invitation_id, generation)

    def at(self, invitation_id: str) -> datetime:
        """The time when this invitation was created."""
        with self.sessions() as session:
            return session.get_one(Invitation, invitation_id).created_at

    def change(self, row: type, row_id: str, **values: Any) -> None:
        with transaction(self.sessions) as session:
            for name, value in values.items():
                setattr(session.get_one(row, row_id), name, value)


def unlimited(world: World, account: str) -> None:
    """Lift the account's limits on inviting."""
    names = ("invitations_per_hour", "invitations_per_day", "open_invitations", "new_domains_per_day")
    world.change(Account, account, invitation_limits=dict.fromkeys((*names, "inviter_per_hour"), 1_000_000))


def let_go(app: Flask) -> None:
    """Close the connections that the application keeps."""
    with app.app_context():
        db.engine.dispose()
    app.extensions["usher"].autocommit_pool.close()


_MADE: dict[str, Flask] = {}


def application(settings: Settings) -> Flask:
    """The application for these settings, created once in a run, since that takes longer than many a test."""
    key = settings.model_dump_json()
    if key not in _MADE:
        _MADE[key] = create_app(settings)
    return _MADE[key]


@pytest.fixture
def app(settings: Settings) -> Iterator[Flask]:
    app = application(settings)
    yield app
    let_go(app)


@pytest.fixture
def world(app: Flask, settings: Settings, sessions: sessionmaker[Session]) -> World:
    return World(app, settings, sessions)


@pytest.fixture
def alice(world: World) -> Caller:
    return world.person("alice@corp.example")


@pytest.fixture
def bob(world: World) -> Caller:
    return world.person("bob@corp.example")


@pytest.fixture
def charlie(world: World) -> Caller:
    return world.person("charlie@other.example")


@pytest.fixture
def acme(world: World, alice: Caller) -> str:
    """Alice's account, with a contract that lets it invite."""
    return world.account(alice)


@pytest.fixture
def nobody(world: World) -> Caller:
    return world.nobody


@pytest.fixture
def operator(world: World) -> Caller:
    return world.operator
