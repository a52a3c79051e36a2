"""`usher import`: invites everybody in a CSV file, and writes what came of each row beside it."""

import csv
import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import click
from sqlalchemy import select

from shared.actor import Actor, ActorKind
from shared.cli.database import command_transaction
from shared.cli.settings import settings_from
from shared.config import Settings
from shared.errors import Refused
from shared.models import Membership
from shared.permissions import Role
from shared.services import accounts, rules
from shared.services.inviting import MOST, Made, Outcome, Wish, invite_all
from shared.services.rules import Rules

_COLUMNS = ("email", "role", "message")
_RESULT = (*_COLUMNS, "outcome", "code", "what", "remedy")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@click.command("import")
@click.argument("account_id", metavar="ACCOUNT")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--role", type=click.Choice(list(Role)), help="The role of rows that name none.")
@click.option("--result", type=click.Path(dir_okay=False, path_type=Path), help="Where to write what came of each row.")
def import_(account_id: str, file: Path, role: str | None, result: Path | None) -> None:
    """Invite everybody in FILE, a CSV with the columns email, role and message, into ACCOUNT, in its owner's name.

    Safe to run again: whoever is invited or a member already is not invited twice. What came of each row is written
    to FILE.result.csv, or where --result says.
    """
    settings = settings_from(os.environ)
    ground = rules.load(settings)
    rows = list(_read(file, role))
    result = result or file.with_suffix(".result.csv")
    invited = 0
    with result.open("w", newline="", encoding="utf-8") as sink, click.progressbar(length=len(rows)) as bar:
        writer = csv.DictWriter(sink, _RESULT)
        writer.writeheader()
        for batch in _batches(rows):
            outcomes = _invite(settings, ground, account_id, batch)
            writer.writerows(map(_line, batch, outcomes))
            sink.flush()
            invited += sum(isinstance(outcome, Made) for outcome in outcomes)
            bar.update(len(batch))
    click.echo(f"{invited} of {len(rows)} are invited; what came of each row stands in {result}.")


def _read(file: Path, role: str | None) -> Iterator[dict[str, str]]:
    with file.open(newline="", encoding="utf-8-sig") as source:
        reader = csv.DictReader(source)
        names = [(name or "").strip().lower() for name in reader.fieldnames or ()]
        if "email" not in names:
            raise click.BadParameter("the first line has to name the columns: email, role, message", param_hint="FILE")
        reader.fieldnames = names
        for row in reader:
            found = {name: (row.get(name) or "").strip() for name in _COLUMNS}
            yield found | {"role": found["role"] or role or ""}


def _batches(rows: list[dict[str, str]]) -> Iterator[list[dict[str, str]]]:
    left = iter(rows)
    while batch := list(islice(left, MOST)):
        yield batch


def _invite(settings: Settings, ground: Rules, account_id: str, batch: list[dict[str, str]]) -> list[Outcome | str]:
    """The outcomes of a batch, in one transaction; a sentence for a row that asks for no role there is."""
    known = [row for row in batch if row["role"] in list(Role)]
    wishes = [Wish(row["email"], Role(row["role"]), row["message"][:1000] or None) for row in known]
    with command_transaction(settings) as session:
        accounts.get(session, account_id)
        owner = session.scalars(
            select(Membership.user_id).where(Membership.account_id == account_id, Membership.role == Role.OWNER)
        ).one()
        actor = Actor(ActorKind.OPERATOR, None, owner, account_id, (Role.OWNER,))
        made = iter(invite_all(session, actor=actor, rules=ground, account_id=account_id, wishes=wishes))
    unknown = f"There is no such role; the roles are {', '.join(Role)}."
    return [next(made) if row["role"] in list(Role) else unknown for row in batch]


def _line(row: dict[str, str], outcome: Outcome | str) -> dict[str, str]:
    """What came of a row, safe to open in a spreadsheet."""
    said = {"outcome": "refused", "code": "validation_failed", "what": str(outcome), "remedy": "Correct the row."}
    if isinstance(outcome, Made):
        said = {"outcome": "invited", "code": "", "what": outcome.id, "remedy": ""}
    elif isinstance(outcome, Refused):
        reason = outcome.reasons[0]
        said = {"outcome": "refused", "code": reason.code, "what": reason.message, "remedy": reason.remedy}
    return {name: f"'{cell}" if cell.startswith(_FORMULA) else cell for name, cell in (row | said).items()}
