"""Moves old audit events out of the database into files, and proves that both together form one chain.

Only the start of a chain moves, so the rest still links to it. An event is archived once it and all earlier events of
its account are old enough, whatever they are about. Keeping those of open invitations would block an account's whole
archive at its longest-lived invitation. No invitation lives longer than 30 days without a resend, and nothing younger
than 90 days is archived, so an open invitation keeps all events since it was last sent.

A file is on disk before its events are deleted. A crash between the two leaves events in both. If the database has the
same content, the next run keeps that file and deletes the events.
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
"""Maximum events in one file, deleted from the database in one transaction."""

CHAINS = 1000
"""Maximum chains that one statement reads."""

# An arbitrary number that nothing else in the database locks.
_ARCHIVING = 7_466_303


class Busy(CannotRun):
    """Raised when another process is archiving."""


class CannotArchive(CannotRun):
    """Raised when a chain or its files are broken. All events not yet archived stay in the database."""


def before(session: Session, *, kept: timedelta) -> datetime:
    """The moment before which events are old enough to archive."""
    return session.scalars(select(func.now() - kept)).one()


def chains(session: Session, *, before: datetime, after: str | None) -> list[tuple[str, bool]]:
    """Up to `CHAINS` chains after `after` that are not fully archived, each with True if it has events to archive.

    Reads only the oldest event of each. A missing event counts as old, so that archiving it reports the fault. The same
    is true for the single chain of events without an account.
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
    """Move the next events of a chain into a file, up to `limit`, and return their number.

    Raises `Busy`, `CannotArchive`, `BadFile`, or `OSError` if the file can't be written.
    """
    _begin(session)
    done = session.get(AuditArchive, account_id) or AuditArchive(account_id=account_id, position=0, hash=GENESIS)
    folder = archive_files.folder_of(root, account_id)
    file = archive_files.file_from(folder, done.position + 1)
    left_behind = list(archive_files.lines(file)) if file.exists() else []
    batch = _next(session, done, None if left_behind else before, limit=len(left_behind) or limit)
    content = [archive_files.line(*link) for link in batch]
    if left_behind and left_behind != content:
        raise CannotArchive(f"{file} differs from the database. If it belongs to another database, move it away.")
    if not batch:
        return 0
    if not left_behind:
        archive_files.write(file, content)
    archive_files.fsync_folder(folder)
    _delete(session, done, batch)
    return len(batch)


def verify(session: Session, *, account_id: str, root: Path | None) -> ChainReport:
    """Verify a chain in the database and, if `root` is given, in its files."""
    found = hash_chain.verify(session, account_id=account_id)
    if root is not None:
        files = archive_files.verify(root, account_id)
        found.faults[:0] = files.faults
        if not _meet(session, found, files):
            found.faults.append(
                f"the files end after event {files.length}, and the database begins after event {found.archived}: "
                "they don't form one chain"
            )
    return found


def _begin(session: Session) -> None:
    # No row lock, because sealing would wait for this transaction while the file is written. The connection also keeps
    # its plans, which may date from when a table was empty and a sequential scan looked cheap.
    by_index = func.set_config("enable_seqscan", "off", True)
    mine, _ = session.execute(select(func.pg_try_advisory_xact_lock(_ARCHIVING), by_index)).one()
    if not mine:
        raise Busy("Another archive run is in progress and will do the rest.")


def _next(session: Session, done: AuditArchive, before: datetime | None, *, limit: int) -> list[Link]:
    """The next links of a chain that are old enough. Raises `CannotArchive` if one of them is broken."""
    found, batch = ChainReport(done.account_id, done.position, done.hash), []
    for link, event in hash_chain.links(session, done.account_id, after=done.position, limit=limit):
        if event and before and event.at >= before:
            break
        found.follow(link, event)
        if event is None or found.faults:
            raise CannotArchive(
                f"{done.account_id or '(no account)'}: {'; '.join(found.faults)}. Events after number "
                f"{done.position} stay in the database. Run `usher audit verify`."
            )
        batch.append((link, event))
    return batch


def _delete(session: Session, done: AuditArchive, batch: list[Link]) -> None:
    """Record how far the chain is archived, then delete. The database refuses to delete any other events."""
    seals = [link for link, _ in batch]
    done.position, done.hash = seals[-1].position, seals[-1].hash
    session.add(done)
    session.flush()
    unseen = {"synchronize_session": False}
    session.execute(delete(AuditEvent).where(hash_chain.sealed_by(done.account_id, seals)), execution_options=unseen)
    gone = AuditSeal.account_id == done.account_id, AuditSeal.position <= done.position
    session.execute(delete(AuditSeal).where(*gone), execution_options=unseen)


def _meet(session: Session, found: ChainReport, files: ChainReport) -> bool:
    """True if the database continues where the files end. Events in both must be identical, down to the hash."""
    if files.length <= found.archived:
        done = session.get(AuditArchive, found.account_id)
        return (files.length, files.hash) == ((done.position, done.hash) if done else (0, GENESIS))
    in_both = AuditSeal.account_id == found.account_id, AuditSeal.position == files.length
    return session.scalar(select(AuditSeal.hash).where(*in_both)) == files.hash
