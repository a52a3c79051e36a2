"""The lists that are fetched from URLs, as rows: which are due, and what became of a fetch.

A row keeps the last good content whatever comes after it, and every process takes it from there.
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
    """The sources to fetch now, with the ETag and the size of what is kept; no other worker gets them meanwhile."""
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
    """The number of networks in a list that came; raises `BadList` for one that can't be read or can't be meant."""
    with TemporaryDirectory(prefix="usher-list-") as folder:
        path = Path(folder) / "list"
        path.write_bytes(content)
        size = read_list(source.kind, path).size
    refuse_shrunken(before, size)
    return size


def store(session: Session, source: ListSource, content: bytes, *, etag: str | None, size: int) -> None:
    """Take the list in place of the one before; the same content again counts as fresh, and not as new."""
    row = session.get_one(NetworkList, source.place, with_for_update=True)
    checksum = hashlib.sha256(content).digest()
    if row.checksum != checksum:
        row.version, row.content = row.version + 1, zlib.compress(content)
        row.checksum, row.size = checksum, size
    row.etag = etag
    record_unchanged(session, source)


def record_unchanged(session: Session, source: ListSource) -> None:
    """Note that what is kept is the newest there is."""
    row = session.get_one(NetworkList, source.place)
    row.fetched_at, row.error = func.now(), None


def record_failure(session: Session, source: ListSource, why: str) -> None:
    """Note why there is nothing newer than what is kept."""
    session.get_one(NetworkList, source.place).error = why[:500]
