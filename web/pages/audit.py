"""An account's audit log for people: newest first, with actors, and values before and after."""

from datetime import UTC, datetime, time
from typing import Any
from urllib.parse import urlencode

from shared.audit import actor_names
from shared.audit import log as audit_log
from shared.permissions import Permission
from web.auth.guards import requires
from web.database import transaction
from web.http.paging import decode_number, page
from web.schemas.forms import AuditQuery
from web.ui import account_page, forms, labels
from web.ui.blueprint import site

PAGE = 50


@site.get("/accounts/<account_id>/audit")
@requires(Permission.AUDIT_VIEW)
def show_audit(account_id: str) -> str:
    """Show the account's audit events that match the filter."""
    query = forms.query_of(AuditQuery)
    since = datetime.combine(query.since, time.min, UTC) if query.since else None
    with transaction() as session:
        rows = audit_log.list_newest(
            session,
            account_id=account_id,
            since=since,
            action=query.action,
            before=decode_number(query.cursor),
            limit=PAGE + 1,
        )
        archived = audit_log.has_archive(session, account_id=account_id)
        names = actor_names.names_of(session, [row.actor for row in rows])
    params: dict[str, Any] = {"action": query.action, "since": since and since.isoformat()}
    return account_page.page(
        "pages/audit.html",
        account_id,
        query=query,
        names=names,
        archived=archived,
        nouns=labels.NOUNS,
        events=page(rows, limit=PAGE, key=lambda row: str(row.seq)),
        csv=urlencode({name: value for name, value in params.items() if value}),
    )
