"""The audit log of an account."""

from typing import Any

from pydantic import Field

from shared.models import AuditEvent, AuditSeal
from web.schemas.base import Moment, Out, PageQuery, Text
from web.schemas.invitations import EventOut


class AuditFilter(PageQuery):
    """Filter of audit events."""

    since: Moment | None = Field(default=None, description="Only events at or after this time.")
    action: Text | None = Field(
        default=None,
        max_length=100,
        description="One action, such as `member.removed`, or all actions on a noun, such as `member`.",
    )


class AuditEventOut(EventOut):
    """An audit event. Its place in the account's hash chain is added once it is sealed, a moment after writing."""

    subject_id: str
    origin: str | None = Field(description="The IP address of the caller.")
    position: int | None = Field(
        description="Position in the account's hash chain. If the first one isn't 1, earlier events are archived."
    )
    previous_hash: str | None
    hash: str | None = Field(description="Hash of this event and of the previous event's hash.")


class AuditEventsOut(Out):
    """A page of audit events, oldest first."""

    data: list[AuditEventOut]
    next_cursor: str | None


def audit_event_out(event: AuditEvent, seal: AuditSeal | None) -> dict[str, Any]:
    """Present an audit event and its seal to the account."""
    shown = {name: getattr(event, name, None) for name in AuditEventOut.model_fields} | {"seq": event.seq}
    if seal is None:
        return shown
    return shown | {
        "position": seal.position,
        "previous_hash": seal.previous_hash.hex(),
        "hash": seal.hash.hex(),
    }
