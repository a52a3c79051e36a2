"""One invitation: its timeline, with every check, attempt and reply."""

from typing import Any

from shared.permissions import Permission
from shared.services import audit, invitations, people
from web.database import transaction
from web.guard import requires
from web.pages import place
from web.pages.site import site

_MOST = 200


@site.get("/accounts/<account_id>/invitations/<invitation_id>")
@requires(Permission.TEAM_VIEW)
def show_timeline(account_id: str, invitation_id: str) -> str:
    """Tell what happened to an invitation, the oldest first."""
    with transaction() as session:
        invitation = invitations.get(session, account_id=account_id, invitation_id=invitation_id)
        events = audit.timeline(session, account_id=account_id, subject_id=invitation_id, after=0, limit=_MOST)
        later = audit.begins_later(session, account_id=account_id, timeline=events)
        names = people.names(session, [event.actor for event in events])
    shown: dict[str, Any] = {"invitation": invitation, "events": events, "names": names, "begins_later": later}
    return place.page("pages/timeline.html", account_id, **shown)
