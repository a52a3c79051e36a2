"""Moves old events of the audit out of the database into files, and proves that both together are one chain.

Only the beginning of a chain is moved, so that the rest still chains on: an event goes once it and all before it in its
account are old enough, whatever they are about. To leave out those of invitations that are still open would hold up an
account's whole archive at its longest-lived one; as none lives longer than 30 days without being sent again, and
nothing younger than 90 is archived, an open invitation keeps the events since it was last sent.

A file is on the disk before its events are deleted. Who dies between the two leaves events that stand in both; the
next run takes that file as it is, if the database says the same, and deletes them then.
"""

from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import and_, delete, func, or_, select
from sqlalchemy.orm import Session

from shared.audit import archive_files, hash_chain
from shared.audit.archive_files import Link
from shared.audit.hash_chain import GENESIS, ChainReport
from shared.errors import CannotRun
from shared.models import AuditArchive, AuditChain, AuditEvent, AuditSeal

BATCH = 5000
"""How many events go into one file at the most, and out of the database in one transaction."""

CHAINS = 1000
"""How many chains are looked at by one statement."""

# Any number will do, so long as nothing else in the database locks it.
_ARCHIVING = 7_466_303


class Busy(CannotRun):
    """Somebody else is archiving."""


class CannotArchive(CannotRun):
    """Something is wrong with a chain or its files; all of it that is not archived yet stays in the database."""


def before(session: Session, *, kept: timedelta) -> datetime:
    """What was written before this moment is old enough."""
    return session.scalars(select(func.now() - kept)).one()


def chains(session: Session, *, before: datetime, after: str | None) -> list[tuple[str, bool]]:
    """Up to `CHAINS` chains behind `after` that are not archived to their end, and whether there is something to do.

    Of each the oldest event is looked at. An event that is not found counts as old, to be told of when its turn comes;
    so do those of no account, which costs nothing: it is one chain.
    """
    done = func.coalesce(AuditArchive.position, 0)
    page = (
        select(AuditChain.account_id, (done + 1).label("first"))
        .outerjoin(AuditArchive, AuditArchive.account_id == AuditChain.account_id)
        .where(AuditChain.length > done, *([AuditChain.account_id > after] if after is not None else []))
        .order_by(AuditChain.account_id)
        .limit(CHAINS)
        .subquery()
    )
    sealed = and_(AuditSeal.account_id == page.c.account_id, AuditSeal.position == page.c.first)
    event = and_(AuditEvent.account_id == page.c.account_id, AuditEvent.seq == AuditSeal.seq)
    query = select(page.c.account_id, or_(AuditEvent.at < before, AuditEvent.at.is_(None)))
    query = query.select_from(page).outerjoin(AuditSeal, sealed).outerjoin(AuditEvent, event)
    return [(account_id, due) for account_id, due in session.execute(query.order_by(page.c.account_id))]


def archive(session: Session, *, root: Path, account_id: str, before: datetime, limit: int = BATCH) -> int:
    """Move the next events of a chain into a file, up to `limit`; returns how many there were.

    Raises `Busy`, `CannotArchive`, `BadFile`, or `OSError` where the file can't be written.
    """
    _begin(session)
    done = session.get(AuditArchive, account_id) or AuditArchive(account_id=account_id, position=0, hash=GENESIS)
    folder = archive_files.folder_of(root, account_id)
    file = archive_files.file_from(folder, done.position + 1)
    left_behind = list(archive_files.lines(file)) if file.exists() else []
    batch = _next(session, done, None if left_behind else before, limit=len(left_behind) or limit)
    content = [archive_files.line(*link) for link in batch]
    if left_behind and left_behind != content:
        raise CannotArchive(f"{file} says something else than the database; is it of another one? Move it away.")
    if not batch:
        return 0
    if not left_behind:
        archive_files.write(file, content)
    archive_files.fsync_folder(folder)
    _delete(session, done, batch)
    return len(batch)


def verify(session: Session, *, account_id: str, root: Path | None) -> ChainReport:
    """Tell what is wrong with a chain in the database and, where `root` names their folder, in its files."""
    found = hash_chain.verify(session, account_id=account_id)
    if root is not None:
        files = archive_files.verify(root, account_id)
        found.faults[:0] = files.faults
        if not _meet(session, found, files):
            found.faults.append(
                f"the files end after event {files.length}, and the database begins after event {found.archived}: "
                "they are not of one chain"
            )
    return found


def _begin(session: Session) -> None:
    # No lock on a row, which would make this a transaction that the sealing waits for while the file is written. And
    # the connection keeps its plans, made while a table was perhaps still empty: reading all of it looked cheap then.
    by_index = func.set_config("enable_seqscan", "off", True)
    mine, _ = session.execute(select(func.pg_try_advisory_xact_lock(_ARCHIVING), by_index)).one()
    if not mine:
        raise Busy("Another archiving is at work; this one leaves the rest to it.")


def _next(session: Session, done: AuditArchive, before: datetime | None, *, limit: int) -> list[Link]:
    """What follows on what is archived, as far as it is old enough, and sound."""
    found, batch = ChainReport(done.account_id, done.position, done.hash), []
    for link, event in hash_chain.links(session, done.account_id, after=done.position, limit=limit):
        if event and before and event.at >= before:
            break
        found.follow(link, event)
        if event is None or found.faults:
            raise CannotArchive(
                f"{done.account_id or '(no account)'}: {'; '.join(found.faults)}. Nothing is archived that follows on "
                f"number {done.position}; see: usher audit verify."
            )
        batch.append((link, event))
    return batch


def _delete(session: Session, done: AuditArchive, batch: list[Link]) -> None:
    """Say how far the chain is archived, and only then delete: the database lets go nothing else."""
    seals = [link for link, _ in batch]
    done.position, done.hash = seals[-1].position, seals[-1].hash
    session.add(done)
    session.flush()
    unseen = {"synchronize_session": False}
    session.execute(delete(AuditEvent).where(hash_chain.sealed_by(done.account_id, seals)), execution_options=unseen)
    gone = AuditSeal.account_id == done.account_id, AuditSeal.position <= done.position
    session.execute(delete(AuditSeal).where(*gone), execution_options=unseen)


def _meet(session: Session, found: ChainReport, files: ChainReport) -> bool:
    """Whether the database goes on where the files end. What stands in both has to be the same, down to the hash."""
    if files.length <= found.archived:
        done = session.get(AuditArchive, found.account_id)
        return (files.length, files.hash) == ((done.position, done.hash) if done else (0, GENESIS))
    in_both = AuditSeal.account_id == found.account_id, AuditSeal.position == files.length
    return session.scalar(select(AuditSeal.hash).where(*in_both)) == files.hash
