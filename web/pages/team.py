"""An account's team: members and invitations in one list, and what can be done to each in its row."""

from collections.abc import Callable
from typing import Any

from flask import Response, render_template, request

from shared import clock
from shared.errors import Invalid, NotFound, PermissionDenied, UsherError
from shared.models import Status
from shared.permissions import Permission
from shared.services import holding, invitations, roster, team, trials
from shared.services.roster import Entry, Wanted
from web.database import transaction
from web.guard import actor, requires
from web.kit import kit
from web.pages import done, form, place, words
from web.pages.languages import N_
from web.pages.site import site
from web.paging import decoded, page
from web.schemas.accounts import RoleBody
from web.schemas.team import InvitationAction, InvitationForm, TeamQuery

PAGE = 50
"""Rows of one page."""


@site.get("/accounts/<account_id>/team")
@requires(Permission.TEAM_VIEW)
def show_team(account_id: str) -> str:
    """List members and invitations, the newest first."""
    query = form.asked(TeamQuery)
    wanted = Wanted(
        q=query.q,
        role=query.role,
        members_only=query.state == "members",
        status=query.state if isinstance(query.state, Status) else None,
    )
    with transaction() as session:
        rows = roster.listed(
            session, account_id=account_id, wanted=wanted, before=decoded(query.cursor) or "", limit=PAGE + 1
        )
        stopped = trials.in_the_way(session, actor=actor(), rules=kit().rules, account_id=account_id)
    listed = page(rows, limit=PAGE, key=lambda each: each.place)
    return place.page(
        "pages/team.html", account_id, query=query, rows=listed, states=words.STATES, stopped=stopped, **around()
    )


@site.get("/accounts/<account_id>/team/<row_id>")
@requires(Permission.TEAM_VIEW)
def show_row(account_id: str, row_id: str) -> Response | str:
    """One row by itself, for a page that keeps it fresh; 204 where it is as it was `seen`."""
    entry = _entry(account_id, row_id)
    if entry.invitation is not None and words.version(entry.invitation) == request.args.get("seen"):
        return Response(status=204)
    return _row(account_id, entry)


@site.post("/accounts/<account_id>/invitations/<invitation_id>")
@requires(Permission.TEAM_EDIT)
def change_invitation(account_id: str, invitation_id: str) -> Response | str:
    """Do to an invitation what its row offers."""
    return _act(account_id, invitation_id, lambda: _do(account_id, invitation_id, form.filled(InvitationForm)))


@site.post("/accounts/<account_id>/members/<member_id>")
@requires(Permission.TEAM_EDIT)
def change_member(account_id: str, member_id: str) -> Response | str:
    """Give a member another role."""

    def change() -> None:
        body = form.filled(RoleBody)
        with transaction() as session:
            team.change_role(session, actor=actor(), account_id=account_id, membership_id=member_id, role=body.role)

    return _act(account_id, member_id, change)


def _do(account_id: str, invitation_id: str, body: InvitationForm) -> None:
    this: dict[str, Any] = {"actor": actor(), "account_id": account_id, "invitation_id": invitation_id}
    with transaction() as session:
        match body.action:
            case InvitationAction.ROLE if body.role is not None:
                team.change_offer(session, role=body.role, **this)
            case InvitationAction.RESEND:
                invitations.resend(session, rules=kit().rules, **this)
            case InvitationAction.REVOKE:
                invitations.revoke(session, **this)
            case InvitationAction.RELEASE:
                holding.release(session, rules=kit().rules, reason=_why(body), **this)
            case InvitationAction.REFUSE:
                holding.refuse(session, rules=kit().rules, reason=_why(body), **this)
            case _:
                raise NotFound("An invitation can't do that.")


def _why(body: InvitationForm) -> str:
    if not body.reason:
        raise Invalid([("reason", N_("Say why, for whoever reads it later."))])
    return body.reason


def _act(account_id: str, row_id: str, change: Callable[[], None]) -> Response | str:
    """Change a row and show it again: by itself where a script asked, on the whole page otherwise."""
    alone = "HX-Request" in request.headers
    try:
        whole = done.redirect(f"/accounts/{account_id}/team#{row_id}", change)
    except (*form.REFUSALS, PermissionDenied) as refusal:
        if not alone:
            raise
        return _row(account_id, _entry(account_id, row_id), refusal)
    return _row(account_id, _entry(account_id, row_id)) if alone else whole


def _entry(account_id: str, row_id: str) -> Entry:
    with transaction() as session:
        entry = roster.entry(session, account_id=account_id, row_id=row_id)
    if entry is None:
        raise NotFound("There is no such member or invitation in this account.", remedy="Load the team again.")
    return entry


def _row(account_id: str, entry: Entry, refusal: UsherError | None = None) -> str:
    stopped = form.sentences(refusal) if refusal else ""
    line = request.args.get("line", type=int)
    return render_template("pages/row.html", account_id=account_id, entry=entry, stopped=stopped, line=line, **around())


def around() -> dict[str, Any]:
    """What every row is shown with: who looks, what they may give, and what time it is."""
    assignable = sorted(actor().assignable)
    return place.around() | {"assignable": assignable, "now": clock.now()}
