"""`usher audit`: verify that no event was changed, removed or reordered, and archive old events."""

import os
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import click
from sqlalchemy.orm import Session

from shared.audit import archive as audit_archive
from shared.audit import archive_files, hash_chain
from shared.audit.archive import CannotArchive
from shared.audit.archive_files import BadFile
from shared.audit.hash_chain import ChainReport
from shared.cli.database import command_sessions
from shared.cli.settings import settings_from
from shared.db.transaction import transaction
from shared.errors import CannotRun

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
Sessions = Callable[[], Session]


@click.group()
def audit() -> None:
    """The audit log: verify and archive it."""


@audit.command()
@click.argument("account_id", metavar="[ACCOUNT]", required=False)
@click.option(
    "--archive",
    "root",
    type=_FOLDER,
    metavar="FOLDER",
    help="Verify the events archived there as well, from the first one.",
)
@click.pass_context
def verify(ctx: click.Context, account_id: str | None, root: Path | None) -> None:
    """Find events that were changed, removed or reordered.

    Checks one ACCOUNT or all. Archived events are verified only with --archive. Files and database then have to form
    one unbroken chain. The exit code is 1 if anything is found. Store the output elsewhere: an account's newest hash
    vouches for all earlier events.
    """
    sound = True
    with command_sessions(settings_from(os.environ)) as sessions:
        for found in _examined(sessions, account_id, root):
            archived = (
                f" ({found.archived} of them archived{'' if root else ', not verified'})" if found.archived else ""
            )
            click.echo(
                f"{found.account_id or '(no account)'}: {found.length} events sealed{archived}, {found.unsealed} not "
                f"yet sealed, newest hash {found.hash.hex()}"
            )
            for fault in found.faults:
                sound = False
                click.echo(f"  {fault}", err=True)
    ctx.exit(0 if sound else 1)


@audit.command()
@click.argument("folder", type=_FOLDER)
@click.pass_context
def archive(ctx: click.Context, folder: Path) -> None:
    """Move old events into files in FOLDER.

    Takes events older than AUDIT_KEPT (90d or more) out of the database. Each account gets a folder with files of up to
    5,000 events as JSON lines, each with its hash, readable only by their owner. They are on disk before anything is
    deleted. Run it as often as you like, always with the same FOLDER, on a file system that supports hard links. If it
    is killed or started twice, it loses and duplicates nothing. It reports a broken chain or a changed file with exit
    code 1 and leaves both unchanged.
    """
    settings = settings_from(os.environ)
    if settings.audit_kept is None:
        raise CannotRun(
            "USHER_AUDIT_KEPT is not set, so audit events stay in the database forever. Set it, for example to 365d."
        )
    events, whole = 0, True
    with command_sessions(settings) as sessions:
        with transaction(sessions) as session:
            before = audit_archive.before(session, kept=settings.audit_kept)
        for account_id in _due(sessions, before):
            try:
                for count in _archived(sessions, folder, account_id, before):
                    events += count
            except (CannotArchive, BadFile) as error:
                whole = False
                click.echo(str(error), err=True)
    click.echo(f"Archived {events} events from before {before:%Y-%m-%d %H:%M} UTC in {folder}.")
    ctx.exit(0 if whole else 1)


def _examined(sessions: Sessions, account_id: str | None, root: Path | None) -> Iterator[ChainReport]:
    """Verify each chain in a snapshot, so that sealing and archiving can continue meanwhile."""
    if account_id is not None:
        ids = [account_id]
    else:
        with transaction(sessions) as session:
            ids = hash_chain.chains(session)
        ids = sorted({*ids, *(archive_files.accounts(root) if root else ())})
    for each in ids:
        with transaction(sessions) as session:
            session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
            yield audit_archive.verify(session, account_id=each, root=root)


def _due(sessions: Sessions, before: datetime) -> Iterator[str]:
    """The accounts with events to archive."""
    after = None
    while True:
        with transaction(sessions) as session:
            page = audit_archive.chains(session, before=before, after=after)
        if not page:
            return
        yield from (account_id for account_id, due in page if due)
        after, _ = page[-1]


def _archived(sessions: Sessions, folder: Path, account_id: str, before: datetime) -> Iterator[int]:
    """Archive a chain batch by batch, and yield the number of events in each."""
    while True:
        try:
            with transaction(sessions) as session:
                count = audit_archive.archive(session, root=folder, account_id=account_id, before=before)
        except OSError as error:
            raise CannotRun(f"Can't write to {folder}: {error}. Events archived before are safe.") from None
        if not count:
            return
        yield count
