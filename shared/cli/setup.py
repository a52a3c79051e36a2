"""Setting up without HTTP: the schema, the operator's key, an account and its owner, a contract."""

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
        raise click.BadParameter("a name has 1 to 100 characters, all of them to be seen")
    return name


def _amount(text: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        raise click.BadParameter("write a number, such as 1000 or 1000.50") from None
    if not (amount.is_finite() and 0 <= amount < 10**12):
        raise click.BadParameter("write an amount of zero or more")
    return amount


def _currency(text: str) -> str:
    if len(text) != 3 or not (text.isascii() and text.isalpha()):
        raise click.BadParameter("write three letters, such as USD")
    return text.upper()


@click.command()
def migrate() -> None:
    """Bring the database to the newest schema. Safe to run again, and by several at once."""
    bring_up_to_date(settings_from(os.environ))
    click.echo("The database has the newest schema.")


@click.group()
def operator() -> None:
    """The operator: who runs this installation."""


@operator.command("create-key")
def create_key() -> None:
    """Print a fresh operator key. Nothing keeps it: it counts once it is set."""
    click.echo(draw())
    click.echo("Set it as USHER_OPERATOR_KEY (or in a file that USHER_OPERATOR_KEY_FILE names).", err=True)


@click.group()
def account() -> None:
    """Accounts, the tenants of this installation."""


@account.command("create")
@click.argument("name", type=_name)
@click.option(
    "--owner", required=True, type=_address, metavar="ADDRESS", help="The e-mail address of the person who will own it."
)
def create_account(name: str, owner: EmailAddress) -> None:
    """Make an account called NAME.

    An owner who is not known yet is made too, and mailed a link to choose a password with.
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
    click.echo(f"{name} is there, and {owner.shown} owns it.", err=True)


@click.group()
def contract() -> None:
    """Contracts: what accounts have committed to spend."""


@contract.command("set")
@click.argument("account_id", metavar="ACCOUNT")
@click.option("--amount", required=True, type=_amount, metavar="NUMBER", help="The committed spend of a month.")
@click.option(
    "--currency",
    default="USD",
    type=_currency,
    metavar="CODE",
    show_default=True,
    help="Its currency, in three letters.",
)
@click.option("--starts-on", required=True, type=_Day, metavar="YYYY-MM-DD", help="The first day in force.")
@click.option("--ends-on", required=True, type=_Day, metavar="YYYY-MM-DD", help="The last day in force.")
def set_contract(account_id: str, amount: Decimal, currency: str, starts_on: datetime, ends_on: datetime) -> None:
    """Record what ACCOUNT (its id, acc_...) has committed to spend a month, in place of what was recorded before."""
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
    """Make a user for whose address the operator vouches; None where somebody has proven it already.

    Sign-ups that are not proven are deleted, so that a stranger who typed this address gets nothing by it.
    """
    digest = passwords.hash_password(password)
    return signups.create_proven(session, address=address, name=name, password_hash=digest, locale="en")
