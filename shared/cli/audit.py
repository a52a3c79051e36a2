"""Examines the audit: whether an event was changed, left out, or put elsewhere."""

import os

import click

from shared.cli.database import command_transaction
from shared.cli.settings import settings_from
from shared.services import sealing


@click.group()
def audit() -> None:
    """The audit: what happened in each account."""


@audit.command()
@click.argument("account_id", metavar="[ACCOUNT]", required=False)
@click.pass_context
def verify(ctx: click.Context, account_id: str | None) -> None:
    """Find events that were changed, are missing, or stand in another order, in one ACCOUNT or in all.

    Exit code 1 if there are any. Keep what is printed somewhere else: an account's newest hash stands for all before.
    """
    sound = True
    with command_transaction(settings_from(os.environ)) as session:
        for found in sealing.examine(session, account_id=account_id):
            click.echo(
                f"{found.account_id or '(no account)'}: {found.length} events sealed, {found.unsealed} to be sealed, "
                f"newest hash {found.hash.hex()}"
            )
            for fault in found.faults:
                sound = False
                click.echo(f"  {fault}", err=True)
    ctx.exit(0 if sound else 1)
