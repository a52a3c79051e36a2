"""An account's audit log, as pages and as CSV."""

import csv
import io
from collections.abc import Iterator
from typing import Any

from flask import Response, stream_with_context

from shared.audit import log as audit_log
from shared.permissions import Permission
from web.auth.guards import requires
from web.database import transaction
from web.http.csv_cells import cell
from web.http.endpoint import endpoint, v1
from web.http.paging import decode_number, page
from web.schemas.audit import AuditEventOut, AuditEventsOut, AuditFilter, audit_event_out

_COLUMNS = tuple(AuditEventOut.model_fields)
_CHUNK = 1000


@v1.get("/accounts/<account_id>/audit-events")
@requires(Permission.AUDIT_VIEW)
@endpoint("Audit", query=AuditFilter, response=AuditEventsOut)
def list_audit_events(account_id: str, query: AuditFilter) -> dict[str, Any]:
    """List an account's audit events, oldest first.

    Each event says who did what, when and from where, with the values before and after.
    """
    rows = _events(account_id, query, after=decode_number(query.cursor), limit=query.limit + 1)
    return page(rows, limit=query.limit, key=lambda shown: str(shown["seq"]))


@v1.get("/accounts/<account_id>/audit-events.csv")
@requires(Permission.AUDIT_VIEW)
@endpoint("Audit", query=AuditFilter)
def export_audit_events(account_id: str, query: AuditFilter) -> Response:
    """Export all audit events as CSV, from the cursor on.

    `limit` is ignored.
    """
    after = decode_number(query.cursor)
    lines = stream_with_context(_lines(account_id, query, after))
    disposition = {"Content-Disposition": 'attachment; filename="audit-events.csv"'}
    return Response(lines, content_type="text/csv; charset=utf-8", headers=disposition)


def _events(account_id: str, query: AuditFilter, *, after: int, limit: int) -> list[dict[str, Any]]:
    with transaction() as session:
        rows = audit_log.list_events(
            session, account_id=account_id, since=query.since, action=query.action, after=after, limit=limit
        )
    return [audit_event_out(*row) for row in rows]


def _lines(account_id: str, query: AuditFilter, after: int) -> Iterator[str]:
    yield _line(_COLUMNS)
    while rows := _events(account_id, query, after=after, limit=_CHUNK):
        for row in rows:
            shown = AuditEventOut.model_validate(row).model_dump(mode="json")
            yield _line([cell(shown[column]) for column in _COLUMNS])
        after = rows[-1]["seq"]


def _line(cells: tuple[str, ...] | list[str]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue()
