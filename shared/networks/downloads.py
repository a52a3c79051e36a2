"""The network lists from URLs, as rows: which are due, and the result of each download.

A row keeps the last good content after a failed download, and every process loads it from there.
"""

import hashlib
import zlib
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from shared.models import NetworkList
from shared.networks.formats import read_list, refuse_shrunken
from shared.policy import ListSource

INTERVAL = timedelta(hours=1)
RETRY_INTERVAL = timedelta(minutes=5)


def take_due(session: Session, sources: Iterable[ListSource]) -> list[tuple[ListSource, str | None, int]]:
    """The sources to download now, each with its stored ETag and size. No other worker gets them meanwhile."""
    wanted = {source.place: source for source in sources if source.is_remote}
    if not wanted:
        return []
    session.execute(insert(NetworkList).values([{"place": place} for place in wanted]).on_conflict_do_nothing())
    query = select(NetworkList).where(NetworkList.place.in_(wanted)).with_for_update(skip_locked=True)
    now = session.scalars(select(func.now())).one()
    found = []
    for row in session.scalars(query):
        pause = INTERVAL if row.error is None else RETRY_INTERVAL
        if row.tried_at is None or now - row.tried_at >= pause:
            row.tried_at = now
            found.append((wanted[row.place], row.etag, row.size))
    return found


def check_size(source: ListSource, content: bytes, *, before: int) -> int:
    """The number of networks in a downloaded list. Raises `BadList` if it is unreadable or implausible."""
    with TemporaryDirectory(prefix="usher-list-") as folder:
        path = Path(folder) / "list"
        path.write_bytes(content)
        size = read_list(source.kind, path).size
    refuse_shrunken(before, size)
    return size


def store(session: Session, source: ListSource, content: bytes, *, etag: str | None, size: int) -> None:
    """Replace the stored list. Identical content only updates its date, not its version."""
    row = session.get_one(NetworkList, source.place, with_for_update=True)
    checksum = hashlib.sha256(content).digest()
    if row.checksum != checksum:
        row.version, row.content = row.version + 1, zlib.compress(content)
        row.checksum, row.size = checksum, size
    row.etag = etag
    record_unchanged(session, source)


def record_unchanged(session: Session, source: ListSource) -> None:
    """Record that the stored list is still the newest."""
    row = session.get_one(NetworkList, source.place)
    row.fetched_at, row.error = func.now(), None


def record_failure(session: Session, source: ListSource, why: str) -> None:
    """Record why the download failed."""
    session.get_one(NetworkList, source.place).error = why[:500]
