"""The network lists of one process: loaded once, checked every half minute, and never replaced with something worse.

A list that is unreadable or implausible leaves the last good one in use, and is reported.
"""

import os
import tempfile
import threading
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from shared import clock
from shared.checks.ip_ranges import TOO_OLD, Address, NetworkList, NetworkMatch, Origin
from shared.db.connection import WORKER
from shared.db.engine import open_engine
from shared.db.transaction import session_factory
from shared.models import NetworkList as Row
from shared.networks.formats import BadList, read_list, refuse_shrunken
from shared.observability import log
from shared.policy import ListSource, ProxyKind

logger = log.get(__name__)

REFRESH_SECONDS = 30.0
FIRST_LOAD_TIMEOUT_SECONDS = 10.0
"""Seconds that the first requests of a process wait for its lists."""

# Hosting providers, relays and gateways keep their networks for years.
_LASTING = frozenset({ProxyKind.DATACENTER, ProxyKind.RELAY, ProxyKind.ENTERPRISE})


@dataclass(frozen=True, slots=True)
class Loaded:
    """A list: its last good content with its date, and the error of a later version."""

    source: ListSource
    networks: NetworkList | None = None
    dated: datetime | None = None
    error: str | None = None
    mark: Any = None

    def gap(self, now: datetime) -> str | None:
        """The reason why the list can't be used, as part of a sentence. None if it can."""
        if self.networks is None or self.dated is None:
            return f"the list {self.source.name} is missing"
        if self.source.kind not in _LASTING and now - self.dated > TOO_OLD:
            return f"the list {self.source.name} is {(now - self.dated).days} days old"
        return None


class Networks:
    """All lists of this process. The first lookup loads them, in a thread."""

    def __init__(self, sources: Sequence[ListSource], database_url: str) -> None:
        self._sources = tuple(sources)
        self._database_url = database_url
        self._lists: tuple[Loaded, ...] = ()
        self._lock = threading.Lock()
        self._reset()
        os.register_at_fork(after_in_child=self._reset)

    def look_up(self, address: Address, *, by_program: bool, traces: Sequence[str]) -> Origin:
        """Look up a client's address. A list that can't be used is a gap, and doesn't count as a clean result."""
        now = clock.now()
        usable, gaps = [], []
        for loaded in self.loaded():
            gap = loaded.gap(now)
            if gap is None:
                usable.append(loaded)
            else:
                gaps.append(gap)
        hits = [
            NetworkMatch(kind, loaded.source.name, loaded.dated)
            for loaded in usable
            if loaded.networks is not None
            for kind in loaded.networks.kinds_of(address)
        ]
        return Origin(
            address=str(address),
            by_program=by_program,
            traces=tuple(traces),
            hits=tuple(hits),
            sources=tuple(loaded.source.name for loaded in usable),
            oldest=min((loaded.dated for loaded in usable if loaded.dated), default=None),
            gaps=tuple(gaps),
        )

    def loaded(self) -> Sequence[Loaded]:
        """The lists as they are now. Waits for the first load."""
        if self._sources:
            self._start()
            self._ready.wait(FIRST_LOAD_TIMEOUT_SECONDS)
        return self._lists

    def problems(self) -> list[str]:
        """The problems of the lists, one sentence each."""
        now = clock.now()
        found = [(loaded.source.name, loaded.error or loaded.gap(now)) for loaded in self.loaded()]
        return [f"{name}: {why}" for name, why in found if why]

    def refresh(self) -> None:
        """Load the lists that have changed."""
        with self._lock:
            rows = self._rows()
            self._lists = tuple(
                _of_row(kept, rows) if kept.source.is_remote else _of_file(kept) for kept in self._lists
            )

    def _rows(self) -> dict[str, Row] | None:
        """The rows of downloaded lists, with their content if it is new. None without a database."""
        versions = {kept.source.place: kept.mark for kept in self._lists if kept.source.is_remote}
        if not versions:
            return {}
        engine = open_engine(self._database_url, pool_size=1, limits=WORKER)
        try:
            with session_factory(engine)() as session:
                rows = {row.place: row for row in session.scalars(select(Row).where(Row.place.in_(versions)))}
                for place, row in rows.items():
                    if row.version != versions[place]:
                        session.refresh(row, ["content"])
                return rows
        except SQLAlchemyError as trouble:
            logger.warning("could not check the network lists for changes", why=str(trouble))
            return None
        finally:
            engine.dispose()

    def close(self) -> None:
        """Stop checking for changes. Loaded lists stay."""
        self._closed.set()
        if self._thread is not None:
            self._thread.join(timeout=5)

    def _reset(self) -> None:
        self._lists = tuple(Loaded(source) for source in self._sources)
        self._lock = threading.Lock()
        self._ready, self._closed = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None

    def _start(self) -> None:
        if self._thread is None:
            with self._lock:
                if self._thread is None:
                    self._thread = threading.Thread(target=self._keep_fresh, name="lists", daemon=True)
                    self._thread.start()

    def _keep_fresh(self) -> None:
        while not self._closed.is_set():
            try:
                self.refresh()
            except Exception:
                logger.exception("could not refresh the network lists")
            self._ready.set()
            self._closed.wait(REFRESH_SECONDS)


def _of_file(kept: Loaded) -> Loaded:
    path = Path(kept.source.place)
    try:
        status = path.stat()
    except OSError as error:
        return replace(kept, error=f"It can't be read: {error.strerror}.", mark=None)
    mark = (status.st_mtime_ns, status.st_size, status.st_ino)
    if mark == kept.mark:
        return kept
    return _renewed(kept, path, mark, datetime.fromtimestamp(status.st_mtime, UTC))


def _of_row(kept: Loaded, rows: dict[str, Row] | None) -> Loaded:
    row = (rows or {}).get(kept.source.place)
    if rows is None or row is None:
        return kept if rows is None else replace(kept, error=kept.error or "It hasn't been downloaded yet.")
    if row.version == kept.mark or row.content is None:
        return replace(kept, error=row.error, dated=row.fetched_at or kept.dated)
    with tempfile.TemporaryDirectory(prefix="usher-list-") as folder:
        path = Path(folder) / "list"
        path.write_bytes(zlib.decompress(row.content))
        renewed = _renewed(kept, path, row.version, row.fetched_at)
    return replace(renewed, error=renewed.error or row.error)


def _renewed(kept: Loaded, path: Path, mark: Any, dated: datetime | None) -> Loaded:
    try:
        networks = read_list(kept.source.kind, path)
        if kept.networks is not None:
            refuse_shrunken(kept.networks.size, networks.size)
    except BadList as bad:
        logger.warning("refused a network list", list=kept.source.name, why=str(bad))
        return replace(kept, error=str(bad), mark=mark)
    logger.info("loaded a network list", list=kept.source.name, networks=networks.size)
    return Loaded(kept.source, networks, dated, None, mark)
