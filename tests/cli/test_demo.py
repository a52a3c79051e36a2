from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from shared import clock, policy_context
from shared.accounts import api_keys, passwords
from shared.actor import SYSTEM
from shared.cli import demo
from shared.models import Account, ApiKey, Contract, User
from shared.permissions import Role
from shared.screening import contracts
from shared.settings.settings import Settings


def put(sessions: sessionmaker[Session], password: str = "a password", api_key: str | None = None) -> demo.Demo:
    with sessions.begin() as session:
        return demo.ensure_demo(session, password=password, api_key=api_key)


def test_its_company_may_invite_and_its_key_is_an_admins(sessions: sessionmaker[Session], settings: Settings) -> None:
    made = put(sessions)
    with sessions() as session:
        check, _ = contracts.check_account(session, policy=policy_context.load(settings), account_id=made.account_id)
        found = api_keys.find_live(session, made.api_key)
        assert check.verdict == "allow"
        assert found is not None
        assert found.role == Role.ADMIN


def test_a_second_start_makes_nothing_twice(sessions: sessionmaker[Session]) -> None:
    first = put(sessions)
    assert put(sessions, api_key=first.api_key) == first
    with sessions() as session:
        counts = [session.scalar(select(func.count()).select_from(row)) for row in (User, Account, ApiKey)]
        assert counts == [1, 1, 1]


def test_the_printed_password_signs_in_whatever_was_there_before(sessions: sessionmaker[Session]) -> None:
    put(sessions, password="an earlier one")
    put(sessions, password="the printed one")
    with sessions() as session:
        assert passwords.verify_password("the printed one", session.scalars(select(User)).one().password_hash)


def test_an_ended_contract_is_renewed_and_a_changed_one_left_alone(sessions: sessionmaker[Session]) -> None:
    made = put(sessions)
    today = clock.now().date()
    for ends_on, amount in ((today - timedelta(days=1), 1000), (today, 10)):
        terms = {"currency": "USD", "starts_on": today - timedelta(days=400), "ends_on": ends_on}
        with sessions.begin() as session:
            contracts.set_terms(session, actor=SYSTEM, account_id=made.account_id, amount=amount, **terms)
        put(sessions, api_key=made.api_key)
        with sessions() as session:
            contract = session.get_one(Contract, made.account_id)
            assert (contract.ends_on > today, contract.amount) == (amount == 1000, amount)
