"""`usher import`: invites everyone in a file and writes the result of each row to another file."""

import csv
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import count, islice
from pathlib import Path
from typing import TextIO

import click
from sqlalchemy import select
from sqlalchemy.orm import Session

from shared import policy_context
from shared.accounts import accounts
from shared.actor import Actor, ActorKind
from shared.cli.database import command_sessions
from shared.cli.settings import settings_from
from shared.db.transaction import transaction
from shared.errors import Invalid, Refused
from shared.invitations import list_import
from shared.invitations.create import MAX_PER_REQUEST, CreatedInvitation, InviteResult
from shared.invitations.list_import import Terms
from shared.models import Membership
from shared.permissions import ASSIGNABLE, Role
from shared.policy_context import PolicyContext
from shared.recipient_lists.reading import Row, Table, read

_RESULT = ("line", "email", "role", "message", "outcome", "code", "what", "remedy")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@click.command("import")
@click.argument("account_id", metavar="ACCOUNT")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--role", type=click.Choice([role.value for role in sorted(ASSIGNABLE)]), help="Role for rows without one."
)
@click.option("--result", type=click.Path(dir_okay=False, path_type=Path), help="New file for the result of each row.")
@click.pass_context
def import_(context: click.Context, account_id: str, file: Path, role: str | None, result: Path | None) -> None:
    """Invite everyone in FILE to ACCOUNT, on behalf of its owner.

    FILE is a CSV file with the columns email, role and message, or a list of addresses. Rows that can't be read are
    refused, as are rows without a role unless --role is set.

    You can run it again: no one is invited twice. The result of each row goes to a new file: FILE.result.csv, then
    FILE.result-2.csv and so on, or the one in --result. The exit code is 1 if a row was refused.
    """
    table = _table(file)
    rows = list_import.settled(table.rows, role=Role(role) if role else None)
    with _new_file(file, result) as sink:
        invited = _import(account_id, rows, sink)
    click.echo(f"Invited {invited:,} of {len(rows):,} people. The result of each row is in {sink.name}.")
    context.exit(1 if invited < len(rows) else 0)


def _table(file: Path) -> Table:
    try:
        table = read(file.read_bytes())
    except Invalid as error:
        raise click.BadParameter(error.errors[0][1], param_hint="FILE") from None
    if not table.rows:
        raise click.BadParameter("This file has no rows.", param_hint="FILE")
    if table.encoding != "utf-8":
        click.echo(f"Read as {table.encoding}.", err=True)
    if table.ignored_columns:
        click.echo(f"Ignored columns: {', '.join(table.ignored_columns)}.", err=True)
    return table


def _new_file(file: Path, result: Path | None) -> TextIO:
    """Create a new file for the results, so that those of earlier runs are kept."""
    if result is not None:
        try:
            return result.open("x", newline="", encoding="utf-8")
        except FileExistsError:
            raise click.BadParameter("This file exists. Choose another name.", param_hint="--result") from None
    for number in count(1):
        with suppress(FileExistsError):
            suffix = ".result.csv" if number == 1 else f".result-{number}.csv"
            return file.with_suffix(suffix).open("x", newline="", encoding="utf-8")
    raise AssertionError


def _import(account_id: str, rows: Sequence[Row], sink: TextIO) -> int:
    """Invite `MAX_PER_REQUEST` people at a time and write their results. Returns the number of people invited."""
    settings, invited = settings_from(os.environ), 0
    context = policy_context.load(settings)
    writer = csv.DictWriter(sink, _RESULT)
    writer.writeheader()
    with command_sessions(settings) as sessions, click.progressbar(length=len(rows)) as bar:
        for batch in _batches(rows):
            with transaction(sessions) as session:
                outcomes = _invite(session, context, account_id, batch)
            writer.writerows(map(_line, batch, outcomes))
            sink.flush()
            invited += sum(isinstance(outcome, CreatedInvitation) for outcome in outcomes)
            bar.update(len(batch))
    return invited


def _batches(rows: Sequence[Row]) -> Iterator[list[Row]]:
    left = iter(rows)
    while batch := list(islice(left, MAX_PER_REQUEST)):
        yield batch


def _invite(session: Session, context: PolicyContext, account_id: str, batch: Sequence[Row]) -> list[InviteResult]:
    accounts.get(session, account_id)
    owner = session.scalars(
        select(Membership.user_id).where(Membership.account_id == account_id, Membership.role == Role.OWNER)
    ).one()
    actor = Actor(ActorKind.OPERATOR, None, owner, account_id, (Role.OWNER,))
    return list_import.invite_rows(
        session, actor=actor, policy=context, account_id=account_id, rows=batch, terms=Terms()
    )


def _line(row: Row, outcome: InviteResult) -> dict[str, str]:
    """The result of a row, safe to open in a spreadsheet."""
    cells = {"line": str(row.line), "email": row.shown, "role": row.role or "", "message": row.message}
    if isinstance(outcome, Refused):
        reason = outcome.reasons[0]
        cells |= {"outcome": "refused", "code": reason.code, "what": reason.message, "remedy": reason.remedy}
    else:
        cells |= {"outcome": "invited", "code": "", "what": outcome.id, "remedy": ""}
    return {name: f"'{cell}" if cell.startswith(_FORMULA) else cell for name, cell in cells.items()}
