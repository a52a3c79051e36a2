"""The audit of an account."""

from typing import Any

from pydantic import Field

from shared.models import AuditEvent, AuditSeal
from web.schemas.base import Moment, Out, PageQuery, Text
from web.schemas.invitations import EventOut


class AuditFilter(PageQuery):
    """Which events."""

    since: Moment | None = Field(default=None, description="Those of this moment and after.")
    action: Text | None = Field(
        default=None, max_length=100, description="One action, `member.removed`, or all of a noun, `member`."
    )


class AuditEventOut(EventOut):
    """One event; with its place in the account's chain once it is sealed, a moment after it was written."""

    subject_id: str
    origin: str | None = Field(description="The address that it came from.")
    position: int | None = Field(
        description="Its place in the account's chain; where that of the first is not 1, what came before is archived."
    )
    previous_hash: str | None
    hash: str | None = Field(description="Over this event and the hash of the one before it.")


class AuditEventsOut(Out):
    """Events, a page at a time, the oldest first."""

    data: list[AuditEventOut]
    next_cursor: str | None


def audit_event_out(event: AuditEvent, seal: AuditSeal | None) -> dict[str, Any]:
    """An event and its seal as the account sees them."""
    shown = {name: getattr(event, name, None) for name in AuditEventOut.model_fields} | {"seq": event.seq}
    if seal is None:
        return shown
    return shown | {
        "position": seal.position,
        "previous_hash": seal.previous_hash.hex(),
        "hash": seal.hash.hex(),
    }
