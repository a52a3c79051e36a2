"""Records audit events in the transaction of the change."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import CTE, Insert, Select, Text, bindparam, cast, func, insert, literal, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from shared.actor import Actor
from shared.audit.events import Action
from shared.db.autocommit import SessionOrConnection
from shared.db.bulk import Rows, insert_rows
from shared.ids import moment, new_id, new_ids
from shared.limits import rate_limits
from shared.models import AuditArchive, AuditEvent, AuditSeal

Subject = tuple[str, str | None, dict[str, Any]]
"""The subject of an event: its id, its account, and the event's own data."""

REFUSED_EVERY = timedelta(minutes=1)
"""Repeated refusals of one actor for one reason are recorded at most once in this time."""


def record(
    session: Session, actor: Actor, action: Action, *, subject_id: str, account_id: str | None = None, **data: Any
) -> None:
    """Append one event. `action` is `noun.past`, such as `invitation.accepted`. `data` must not contain secrets."""
    session.add(AuditEvent(action=action, **_row(new_id("evt"), subject_id, account_id, data), **_actor_fields(actor)))


def record_all(connection: SessionOrConnection, actor: Actor, action: Action, subjects: Iterable[Subject]) -> None:
    """Append events with one action for many subjects in one statement."""
    insert_rows(connection, AuditEvent, event_rows(actor, action, subjects))


def insert_events_for(changed: CTE, action: Action, *, behind: int = 0) -> Insert:
    """An INSERT that appends an event for each row with `id` and `account_id` that the same statement changes.

    Pass `event_params` to the statement. A column `data` has what differs between the events. `behind` is the maximum
    number of events that the statement records elsewhere.
    """
    row = {
        # Hexadecimal digits are valid in ids. Random digits would add a fifth to the cost of bulk expiry.
        "id": _params["moment"].concat(func.lpad(func.to_hex(func.row_number().over() + behind), 8, "0")),
        "account_id": changed.c.account_id,
        "subject_id": changed.c.id,
        "action": literal(action, Text()),
        "actor": cast(_params["actor"], JSONB),
        "request_id": _params["request_id"],
        "origin": _params["origin"],
        "data": changed.c.data if "data" in changed.c else cast(_params["data"], JSONB),
    }
    return insert(AuditEvent).from_select(list(row), select(*row.values()))


def event_params(actor: Actor, data: dict[str, Any] | None = None) -> dict[str, Any]:
    """Parameters of a statement with `insert_events_for`: the actor, and the data that all events share."""
    actor_fields = _actor_fields(actor)
    return {
        "moment": moment("evt"),
        **actor_fields,
        "actor": json.dumps(actor_fields["actor"]),
        "data": json.dumps(data or {}),
    }


_params = {name: bindparam(name, type_=Text()) for name in ("moment", "actor", "request_id", "origin", "data")}


def event_rows(actor: Actor, action: Action, subjects: Iterable[Subject]) -> Rows:
    """The events as rows, for callers that write them together with their subjects."""
    ids = new_ids("evt")
    return Rows([_row(next(ids), *each) for each in subjects], {"action": action, **_actor_fields(actor)})


def _row(event_id: str, subject_id: str, account_id: str | None, data: dict[str, Any]) -> dict[str, Any]:
    return {"id": event_id, "account_id": account_id, "subject_id": subject_id, "data": data}


def _actor_fields(actor: Actor) -> dict[str, Any]:
    return {"actor": actor.as_json(), "request_id": actor.request_id, "origin": actor.origin}


def record_refusal(
    session: Session, actor: Actor, *, account_id: str, code: str, permission: str | None, route: str
) -> None:
    """Append a refusal of the actor. A flood of attempts records one event a minute."""
    key = f"refused:{account_id}:{actor.id}:{permission or code}"
    if rate_limits.is_first(session, key, window=REFUSED_EVERY):
        record(
            session,
            actor,
            Action.ACCESS_REFUSED,
            subject_id=account_id,
            account_id=account_id,
            code=code,
            permission=permission,
            route=route,
        )


def timeline(session: Session, *, account_id: str, subject_id: str, after: int, limit: int) -> list[AuditEvent]:
    """Events about one subject after `after`, oldest first."""
    query = select(AuditEvent).where(
        AuditEvent.account_id == account_id, AuditEvent.subject_id == subject_id, AuditEvent.seq > after
    )
    return list(session.scalars(query.order_by(AuditEvent.seq).limit(limit)))


def list_events(
    session: Session, *, account_id: str, since: datetime | None, action: str | None, after: int, limit: int
) -> list[tuple[AuditEvent, AuditSeal | None]]:
    """The account's events after `after`, oldest first, each with its seal if it has one.

    `action` is one action or a noun that matches all of its actions, such as `invitation.accepted` or `invitation`.
    """
    query = _of_account(account_id, since, action).where(AuditEvent.seq > after)
    return [(event, seal) for event, seal in session.execute(query.order_by(AuditEvent.seq).limit(limit))]


def list_newest(
    session: Session, *, account_id: str, since: datetime | None, action: str | None, before: int, limit: int
) -> list[AuditEvent]:
    """The account's events before `before`, newest first; 0 starts with the newest."""
    query = _of_account(account_id, since, action)
    if before:
        query = query.where(AuditEvent.seq < before)
    return [event for event, _ in session.execute(query.order_by(AuditEvent.seq.desc()).limit(limit))]


def has_archive(session: Session, *, account_id: str) -> bool:
    """True if the account's first events are archived, so these functions don't return them."""
    return session.get(AuditArchive, account_id) is not None


def start_is_archived(session: Session, *, account_id: str, timeline: Sequence[AuditEvent]) -> bool:
    """True if the start of an invitation's timeline is archived."""
    whole = bool(timeline) and timeline[0].action == Action.INVITATION_CREATED
    return not whole and has_archive(session, account_id=account_id)


def _of_account(account_id: str, since: datetime | None, action: str | None) -> Select[AuditEvent, AuditSeal]:
    query = select(AuditEvent, AuditSeal).outerjoin(AuditSeal, AuditSeal.seq == AuditEvent.seq)
    query = query.where(AuditEvent.account_id == account_id)
    if since is not None:
        query = query.where(AuditEvent.at >= since)
    if action is None:
        return query
    of_noun = AuditEvent.action.startswith(f"{action}.", autoescape=True)
    return query.where(AuditEvent.action == action if "." in action else of_noun)
