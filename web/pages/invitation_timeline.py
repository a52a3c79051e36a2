"""The timeline of one invitation, with every check, attempt and reply."""

from typing import Any

from shared.audit import actor_names
from shared.audit import log as audit_log
from shared.invitations import manage
from shared.permissions import Permission
from web.auth.guards import requires
from web.database import transaction
from web.ui import account_page
from web.ui.blueprint import site

_MOST = 200


@site.get("/accounts/<account_id>/invitations/<invitation_id>")
@requires(Permission.TEAM_VIEW)
def show_timeline(account_id: str, invitation_id: str) -> str:
    """Show the events of an invitation, oldest first."""
    with transaction() as session:
        invitation = manage.get(session, account_id=account_id, invitation_id=invitation_id)
        events = audit_log.timeline(session, account_id=account_id, subject_id=invitation_id, after=0, limit=_MOST)
        later = audit_log.start_is_archived(session, account_id=account_id, timeline=events)
        names = actor_names.names_of(session, [event.actor for event in events])
    shown: dict[str, Any] = {"invitation": invitation, "events": events, "names": names, "begins_later": later}
    return account_page.page("pages/timeline.html", account_id, **shown)
