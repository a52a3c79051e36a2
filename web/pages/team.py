"""An account's team: members and invitations in one list, with the actions for each in its row."""

from collections.abc import Callable
from typing import Any

from flask import Response, render_template, request

from shared.errors import Invalid, NotFound, PermissionDenied, UsherError
from shared.invitations import dry_run, manage, review
from shared.models import Status
from shared.permissions import Permission, Role
from shared.team import changes, listing
from shared.team.listing import TeamFilter, TeamRow
from web.auth.guards import actor, requires
from web.context import app_context
from web.database import transaction
from web.http.paging import decode, page
from web.schemas.accounts import RoleBody
from web.schemas.forms import InvitationAction, InvitationForm, TeamQuery
from web.ui import account_page, form_results, forms, labels
from web.ui.account_page import row_context
from web.ui.blueprint import site
from web.ui.i18n import N_

PAGE = 50
"""Rows per page."""


@site.get("/accounts/<account_id>/team")
@requires(Permission.TEAM_VIEW)
def show_team(account_id: str) -> str:
    """List members and invitations, newest first."""
    query = forms.query_of(TeamQuery)
    filters = TeamFilter(
        q=query.q,
        role=query.role,
        members_only=query.state == "members",
        status=query.state if isinstance(query.state, Status) else None,
    )
    with transaction() as session:
        rows = listing.list_rows(
            session, account_id=account_id, filters=filters, before=decode(query.cursor) or "", limit=PAGE + 1
        )
        stopped = dry_run.reasons_not_to_invite(
            session, actor=actor(), policy=app_context().policy, account_id=account_id
        )
    rows_page = page(rows, limit=PAGE, key=lambda each: each.place)
    return account_page.page(
        "pages/team.html",
        account_id,
        query=query,
        rows=rows_page,
        states=labels.STATES,
        roles=list(Role),
        stopped=stopped,
        **row_context(),
    )


@site.get("/accounts/<account_id>/team/<row_id>")
@requires(Permission.TEAM_VIEW)
def show_row(account_id: str, row_id: str) -> Response | str:
    """Render one row, for a page that polls it. Returns 204 if it still has the version `seen`."""
    entry = _entry(account_id, row_id)
    if entry.invitation is not None and labels.version(entry.invitation) == request.args.get("seen"):
        return Response(status=204)
    return _row(account_id, entry)


@site.post("/accounts/<account_id>/invitations/<invitation_id>")
@requires(Permission.TEAM_EDIT)
def change_invitation(account_id: str, invitation_id: str) -> Response | str:
    """Run an action on an invitation."""
    return _act(account_id, invitation_id, lambda: _do(account_id, invitation_id, forms.body_of(InvitationForm)))


@site.post("/accounts/<account_id>/members/<member_id>")
@requires(Permission.TEAM_EDIT)
def change_member(account_id: str, member_id: str) -> Response | str:
    """Change a member's role."""

    def change() -> None:
        body = forms.body_of(RoleBody)
        with transaction() as session:
            changes.change_role(session, actor=actor(), account_id=account_id, membership_id=member_id, role=body.role)

    return _act(account_id, member_id, change)


def _do(account_id: str, invitation_id: str, body: InvitationForm) -> None:
    this: dict[str, Any] = {"actor": actor(), "account_id": account_id, "invitation_id": invitation_id}
    with transaction() as session:
        match body.action:
            case InvitationAction.ROLE if body.role is not None:
                changes.change_invitation_role(session, role=body.role, **this)
            case InvitationAction.RESEND:
                manage.resend(session, policy=app_context().policy, **this)
            case InvitationAction.REVOKE:
                manage.revoke(session, **this)
            case InvitationAction.RELEASE:
                review.release(session, policy=app_context().policy, reason=_why(body), **this)
            case InvitationAction.REFUSE:
                review.refuse(session, policy=app_context().policy, reason=_why(body), **this)
            case _:
                raise NotFound("An invitation can't do that.")


def _why(body: InvitationForm) -> str:
    if not body.reason:
        raise Invalid([("reason", N_("Say why, for whoever reads it later."))])
    return body.reason


def _act(account_id: str, row_id: str, change: Callable[[], None]) -> Response | str:
    """Change a row and render it again: alone for a script, on the whole page otherwise."""
    is_partial = "HX-Request" in request.headers
    try:
        whole = form_results.redirect(f"/accounts/{account_id}/team#{row_id}", change)
    except (*forms.REFUSALS, PermissionDenied) as refusal:
        if not is_partial:
            raise
        return _row(account_id, _entry(account_id, row_id), refusal)
    return _row(account_id, _entry(account_id, row_id)) if is_partial else whole


def _entry(account_id: str, row_id: str) -> TeamRow:
    with transaction() as session:
        entry = listing.get_row(session, account_id=account_id, row_id=row_id)
    if entry is None:
        raise NotFound("There is no such member or invitation in this account.", remedy="Load the team again.")
    return entry


def _row(account_id: str, entry: TeamRow, refusal: UsherError | None = None) -> str:
    stopped = forms.sentences(refusal) if refusal else ""
    line = request.args.get("line", type=int)
    return render_template(
        "pages/row.html", account_id=account_id, entry=entry, stopped=stopped, line=line, **row_context()
    )
