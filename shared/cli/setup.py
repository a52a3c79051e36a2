"""Setup without HTTP: the schema, the operator's key, an account with its owner, and a contract."""

import os
from datetime import datetime
from decimal import Decimal, InvalidOperation

import click
from sqlalchemy import select
from sqlalchemy.orm import Session

from shared import email_address, policy_context
from shared.accounts import accounts, password_resets, passwords, signups
from shared.actor import Actor, ActorKind
from shared.cli.database import bring_up_to_date, command_transaction
from shared.cli.settings import settings_from
from shared.email_address import BadAddress, EmailAddress
from shared.models import User
from shared.screening import contracts
from shared.tokens import draw

OPERATOR = Actor(ActorKind.OPERATOR)
_Day = click.DateTime(formats=["%Y-%m-%d"])


def _address(text: str) -> EmailAddress:
    try:
        return email_address.parse(text)
    except BadAddress as error:
        raise click.BadParameter(str(error)) from None


def _name(text: str) -> str:
    name = " ".join(text.split())
    if not (0 < len(name) <= 100 and name.isprintable()):
        raise click.BadParameter("a name has 1 to 100 characters, all of them printable")
    return name


def _amount(text: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        raise click.BadParameter("enter a number, such as 1000 or 1000.50") from None
    if not (amount.is_finite() and 0 <= amount < 10**12):
        raise click.BadParameter("enter an amount of zero or more")
    return amount


def _currency(text: str) -> str:
    if len(text) != 3 or not (text.isascii() and text.isalpha()):
        raise click.BadParameter("enter a currency code, such as USD")
    return text.upper()


@click.command()
def migrate() -> None:
    """Upgrade the database to the newest schema. Safe to run again and concurrently."""
    bring_up_to_date(settings_from(os.environ))
    click.echo("The database schema is up to date.")


@click.group()
def operator() -> None:
    """The operator, who runs this installation."""


@operator.command("create-key")
def create_key() -> None:
    """Print a new operator key. It is stored nowhere, and works once you set it."""
    click.echo(draw())
    click.echo("Set it as USHER_OPERATOR_KEY (or in a file that USHER_OPERATOR_KEY_FILE names).", err=True)


@click.group()
def account() -> None:
    """Accounts, the tenants of this installation."""


@account.command("create")
@click.argument("name", type=_name)
@click.option("--owner", required=True, type=_address, metavar="ADDRESS", help="Email address of the owner.")
def create_account(name: str, owner: EmailAddress) -> None:
    """Create an account named NAME.

    If the owner has no user yet, one is created and receives an email with a link to choose a password.
    """
    settings = settings_from(os.environ)
    with command_transaction(settings) as session:
        user = vouched_user(session, address=owner, name=owner.shown.partition("@")[0], password=draw())
        if user is not None:
            password_resets.request_reset(session, actor=OPERATOR, policy=policy_context.load(settings), address=owner)
        else:
            user = session.scalars(select(User).where(User.email_key == owner.key)).one()
        made = accounts.create(session, actor=OPERATOR, owner=user, name=name)
    click.echo(made.id)
    click.echo(f"Created {name}, owned by {owner.shown}.", err=True)


@click.group()
def contract() -> None:
    """Contracts: the committed spend of accounts."""


@contract.command("set")
@click.argument("account_id", metavar="ACCOUNT")
@click.option("--amount", required=True, type=_amount, metavar="NUMBER", help="Committed spend per month.")
@click.option(
    "--currency",
    default="USD",
    type=_currency,
    metavar="CODE",
    show_default=True,
    help="Currency code (ISO 4217).",
)
@click.option("--starts-on", required=True, type=_Day, metavar="YYYY-MM-DD", help="First day of the contract.")
@click.option("--ends-on", required=True, type=_Day, metavar="YYYY-MM-DD", help="Last day of the contract.")
def set_contract(account_id: str, amount: Decimal, currency: str, starts_on: datetime, ends_on: datetime) -> None:
    """Record the committed monthly spend of ACCOUNT.

    ACCOUNT is the id, such as acc_01k9... Replaces the previous contract.
    """
    if ends_on < starts_on:
        raise click.BadParameter("a contract ends on its first day or later", param_hint="--ends-on")
    with command_transaction(settings_from(os.environ)) as session:
        contracts.set_terms(
            session,
            actor=OPERATOR,
            account_id=account_id,
            amount=amount,
            currency=currency,
            starts_on=starts_on.date(),
            ends_on=ends_on.date(),
        )
    click.echo(f"{account_id} has committed to {amount} {currency} a month.")


def vouched_user(session: Session, *, address: EmailAddress, name: str, password: str) -> User | None:
    """Create a user whose address the operator vouches for. Returns None if the address is already confirmed by a user.

    Unconfirmed sign-ups with this address are deleted, so a stranger who typed it gains nothing.
    """
    digest = passwords.hash_password(password)
    return signups.create_proven(session, address=address, name=name, password_hash=digest, locale="en")
