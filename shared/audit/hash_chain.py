"""Seals audit events: a hash chain per account reveals any event that was changed, removed or reordered.

Events are sealed shortly after they were written, in separate transactions. If every writer had to append to the chain,
they would wait for each other. An event is sealed once no transaction older than its own is still open, in the order of
`seq`. Of two transactions that raced for a row, the one that committed first comes first.
"""

import hashlib
import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Integer,
    and_,
    any_,
    bindparam,
    case,
    func,
    literal,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.orm import Session

from shared.clock import rfc3339
from shared.db.bulk import Rows, append_rows, bytea
from shared.db.predicates import exists_where
from shared.db.prepared import PreparedQuery
from shared.models import AuditArchive, AuditChain, AuditEvent, AuditSeal, AuditSealing

BATCH = 2000
GENESIS = bytes(32)
"""The previous hash of a chain's first event."""

_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"))

# An arbitrary number that nothing else in the database locks.
_SEALING = 7_466_302


class Sealable(NamedTuple):
    """An event with the fields that its seal covers."""

    id: str
    seq: int
    account_id: str | None
    subject_id: str
    action: str
    actor: dict[str, Any]
    request_id: str | None
    origin: str | None
    data: dict[str, Any]
    at: datetime


@dataclass
class ChainReport:
    """The state of a chain during verification: its length, newest hash and faults.

    `archived` counts events that were not verified. `unsealed` counts the newest events, which get their seals later.
    """

    account_id: str
    length: int = 0
    hash: bytes = GENESIS
    archived: int = 0
    unsealed: int = 0
    faults: list[str] = field(default_factory=list)

    def follow(self, link: AuditSeal, event: AuditEvent | None) -> None:
        """Add the next link and record its faults."""
        self.faults += _faults(self, link, event)
        self.length, self.hash = link.position, link.hash


def seal(session: Session, *, limit: int = BATCH) -> int:
    """Seal up to `limit` events and return their number. If another process is sealing, return 0."""
    if not session.scalar(select(func.pg_try_advisory_xact_lock(_SEALING))):
        return 0
    horizon = session.scalars(text("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint")).one()
    events = _unsealed(session, horizon, limit)
    if events:
        _append(session, events)
        if len(events) < limit:
            session.execute(update(AuditSealing).values(sealed_before=horizon))
    return len(events)


def chains(session: Session) -> list[str]:
    """Accounts with a chain or with remains of one."""
    known = select(AuditChain.account_id).union(
        select(AuditSeal.account_id), select(func.coalesce(AuditEvent.account_id, ""))
    )
    return sorted(session.scalars(known))


def verify(session: Session, *, account_id: str) -> ChainReport:
    """Verify an account's chain from the end of its archive on."""
    start = session.get(AuditArchive, account_id)
    found = ChainReport(account_id, start.position, start.hash, start.position) if start else ChainReport(account_id)
    while some := links(session, account_id, after=found.length, limit=BATCH):
        for link, event in some:
            found.follow(link, event)
    end = session.get(AuditChain, account_id)
    if (end.length, end.hash) != (found.length, found.hash) if end else found.length:
        found.faults.append(f"the chain does not end where it should: after event {end.length if end else 'unknown'}")
    _count_unsealed(session, found)
    return found


def links(session: Session, account_id: str, *, after: int, limit: int) -> list[tuple[AuditSeal, AuditEvent | None]]:
    """An account's seals after position `after`, each with its event, or None if the event is missing."""
    query = select(AuditSeal).where(AuditSeal.account_id == account_id, AuditSeal.position > after)
    seals = session.scalars(query.order_by(AuditSeal.position).limit(limit)).all()
    found = session.scalars(select(AuditEvent).where(sealed_by(account_id, seals)))
    events = {event.seq: event for event in found}
    return [(each, events.get(each.seq)) for each in seals]


def sealed_by(account_id: str, seals: Sequence[AuditSeal]) -> ColumnElement[bool]:
    """Match the account's events that have one of these seals, through an index on both columns."""
    seqs = literal([each.seq for each in seals], ARRAY(BigInteger))
    return _of(account_id) & (AuditEvent.seq == any_(seqs))


def _unsealed(session: Session, horizon: int, limit: int) -> list[Sealable]:
    before = session.scalars(select(AuditSealing.sealed_before)).one()
    # A restored database counts its transactions from the start, so all events are searched once.
    since = before if 0 < before <= horizon else None
    query = _ALL_UNSEALED if since is None else _UNSEALED
    return list(map(Sealable._make, query.fetch(session, horizon=horizon, since=since, most=limit)))


def _append(session: Session, events: Collection[Sealable]) -> None:
    ids = {event.account_id or "" for event in events}
    found = session.scalars(select(AuditChain).where(AuditChain.account_id.in_(ids)))
    chains = {chain.account_id: chain for chain in found}
    seals = []
    for event in events:
        account_id = event.account_id or ""
        chain = chains.setdefault(account_id, AuditChain(account_id=account_id, length=0, hash=GENESIS))
        link = {"seq": event.seq, "account_id": account_id, "previous_hash": bytea(chain.hash)}
        chain.length, chain.hash = chain.length + 1, digest(chain.hash, event)
        seals.append(link | {"position": chain.length, "hash": bytea(chain.hash)})
    session.add_all(chains.values())
    append_rows(session, AuditSeal, Rows(seals))


def digest(previous: bytes, event: AuditEvent | Sealable) -> bytes:
    """The hash of an event after `previous`, over all of its fields in a canonical form."""
    fields = [event.id, event.seq, event.account_id, event.subject_id, event.action, event.actor]
    fields += [event.request_id, event.origin, event.data, rfc3339(event.at)]
    return hashlib.sha256(previous + _ENCODER.encode(fields).encode()).digest()


def _faults(before: ChainReport, link: AuditSeal, event: AuditEvent | None) -> Iterator[str]:
    if link.position <= before.length:
        yield f"number {link.position} comes after number {before.length}"
    elif link.position > before.length + 1:
        yield f"the seals of {link.position - before.length - 1} events before number {link.position} are missing"
    elif link.previous_hash != before.hash:
        yield f"number {link.position} doesn't link to the one before it"
    if event is None:
        yield f"number {link.position} is missing"
    elif (event.account_id or "") != link.account_id or digest(link.previous_hash, event) != link.hash:
        yield f"number {link.position} ({event.id}, {event.action}) was changed"


def _count_unsealed(session: Session, found: ChainReport) -> None:
    """Events without a seal are either too new for one, or were inserted among old ones later."""
    before = session.scalars(select(AuditSealing.sealed_before)).one()
    late = or_(AuditEvent.written_in.is_(None), AuditEvent.written_in < before)
    query = select(func.count(), func.count(case((late, 1)))).select_from(AuditEvent)
    count, late_ones = session.execute(query.where(_of(found.account_id), ~_is_sealed())).one()
    strangers = late_ones if before else 0
    found.unsealed = count - strangers
    if strangers:
        found.faults.append(f"{strangers} old events have no seal")


def _of(account_id: str) -> ColumnElement[bool]:
    return AuditEvent.account_id == account_id if account_id else AuditEvent.account_id.is_(None)


def _is_sealed() -> ColumnElement[bool]:
    return exists_where(AuditSeal.seq == AuditEvent.seq)


def _unsealed_query(*, from_start: bool) -> PreparedQuery:
    horizon, since = bindparam("horizon", type_=BigInteger()), bindparam("since", type_=BigInteger())
    writer = AuditEvent.written_in
    sealable = or_(writer < horizon, writer.is_(None)) if from_start else and_(writer < horizon, writer >= since)
    query = select(*(getattr(AuditEvent, name) for name in Sealable._fields)).where(sealable, ~_is_sealed())
    return PreparedQuery(query.order_by(AuditEvent.seq).limit(bindparam("most", type_=Integer())))


_UNSEALED, _ALL_UNSEALED = _unsealed_query(from_start=False), _unsealed_query(from_start=True)
