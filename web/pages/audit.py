"""What happened in an account, for people: the newest first, with who, before and after."""

from datetime import UTC, datetime, time
from typing import Any
from urllib.parse import urlencode

from shared.permissions import Permission
from shared.services import audit, people
from web.database import transaction
from web.guard import requires
from web.pages import form, place, words
from web.pages.site import site
from web.paging import decoded_number, page
from web.schemas.team import AuditQuery

PAGE = 50


@site.get("/accounts/<account_id>/audit")
@requires(Permission.AUDIT_VIEW)
def show_audit(account_id: str) -> str:
    """Show the account's events, narrowed down if one likes."""
    query = form.asked(AuditQuery)
    since = datetime.combine(query.since, time.min, UTC) if query.since else None
    with transaction() as session:
        rows = audit.latest(
            session,
            account_id=account_id,
            since=since,
            action=query.action,
            before=decoded_number(query.cursor),
            limit=PAGE + 1,
        )
        archived = audit.archived(session, account_id=account_id)
        names = people.names(session, [row.actor for row in rows])
    asked: dict[str, Any] = {"action": query.action, "since": since and since.isoformat()}
    return place.page(
        "pages/audit.html",
        account_id,
        query=query,
        names=names,
        archived=archived,
        nouns=words.NOUNS,
        events=page(rows, limit=PAGE, key=lambda row: str(row.seq)),
        csv=urlencode({name: value for name, value in asked.items() if value}),
    )
