"""The demo data of `usher up`: a company that can invite people, its owner, and an API key."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared import clock, email_address
from shared.accounts import accounts, api_keys, passwords
from shared.cli.setup import OPERATOR, vouched_user
from shared.models import Account, Contract, Membership, User
from shared.permissions import Role
from shared.screening import contracts

OWNER = "owner@demo.example"
_COMPANY = "Demo Company"


@dataclass(frozen=True, slots=True)
class Demo:
    """The demo account's id and API key."""

    account_id: str
    api_key: str


def ensure_demo(session: Session, *, password: str, api_key: str | None) -> Demo:
    """Create missing demo data, so that the password and the key work. Changes that people made stay."""
    owner = _owner(session, password)
    account = _account(session, owner)
    _renew_contract(session, account.id, clock.now().date())
    if api_key is None or api_keys.find_live(session, api_key) is None:
        _, api_key = api_keys.create(
            session, actor=OPERATOR, account_id=account.id, name="Demo", role=Role.ADMIN, created_by=owner.id
        )
    return Demo(account.id, api_key)


def _owner(session: Session, password: str) -> User:
    address = email_address.parse(OWNER)
    owner = session.scalars(select(User).where(User.email_key == address.key)).one_or_none()
    if owner is None or owner.email_verified_at is None:
        owner = vouched_user(session, address=address, name="Demo Owner", password=password)
    if owner is None:
        return _owner(session, password)
    if not passwords.verify_password(password, owner.password_hash):
        owner.password_hash = passwords.hash_password(password)
    return owner


def _account(session: Session, owner: User) -> Account:
    owned = select(Account).join(Membership, Membership.account_id == Account.id)
    owned = owned.where(Membership.user_id == owner.id, Membership.role == Role.OWNER).order_by(Account.id).limit(1)
    found = session.scalars(owned).one_or_none()
    return found or accounts.create(session, actor=OPERATOR, owner=owner, name=_COMPANY)


def _renew_contract(session: Session, account_id: str, today: date) -> None:
    contract = session.get(Contract, account_id)
    if contract is None or contract.ends_on < today:
        contracts.set_terms(
            session,
            actor=OPERATOR,
            account_id=account_id,
            amount=Decimal(1000),
            currency="USD",
            starts_on=today,
            ends_on=today + timedelta(days=366),
        )
