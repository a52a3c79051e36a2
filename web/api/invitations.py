"""Invitations of an account."""

from typing import Any

from flask import Response

from shared.audit import log as audit_log
from shared.invitations import create, manage
from shared.invitations.create import CreatedInvitation
from shared.models import Invitation
from shared.permissions import Permission
from shared.team import changes
from web.auth.guards import actor, requires
from web.context import app_context
from web.database import autocommit_or_transaction, transaction
from web.http import rate_limit_headers
from web.http.body_limits import LARGE
from web.http.endpoint import endpoint, json_response, v1
from web.http.idempotency import idempotent
from web.http.paging import decode, decode_number, page
from web.http.prefer_wait import prefer_wait
from web.schemas.accounts import RoleBody
from web.schemas.base import PageQuery
from web.schemas.batch import BatchBody, BatchOut, parsed_row, request_of, result_out
from web.schemas.invitations import (
    EventsOut,
    InvitationOut,
    InvitationQuery,
    InvitationsOut,
    InviteBody,
    invitation_out,
)


@v1.post("/accounts/<account_id>/invitations")
@requires(Permission.TEAM_EDIT)
@prefer_wait
@idempotent
@endpoint(
    "Invitations",
    body=InviteBody,
    response=InvitationOut,
    status=202,
    problems=(409, 429),
    example={"email": "bob@corp.example", "role": "developer", "message": "Welcome aboard!"},
)
def invite(account_id: str, body: InviteBody) -> Any:
    """Invite someone to an account.

    Returns 202 once the invitation is enqueued. Workers run the remaining checks and send the email. Returns 422 with
    `reasons` if an instant check refuses, and 429 if a limit on inviting is reached; nothing is sent then. `RateLimit`
    tells how much of the limits is left. With `Prefer: wait=N` (N up to 10 seconds) the response waits until the checks
    are done.
    """
    with autocommit_or_transaction() as connection:
        invitation = create.invite(
            connection, actor=actor(), policy=app_context().policy, account_id=account_id, request=request_of(body)
        )
    return _located(invitation)


@v1.post("/accounts/<account_id>/invitations/batch")
@requires(Permission.TEAM_EDIT)
@idempotent
@endpoint(
    "Invitations",
    body=BatchBody,
    response=BatchOut,
    status=207,
    problems=(409,),
    max_body=LARGE,
    example={"invitations": [{"email": "carol@corp.example", "role": "support"}, {"email": "dan@corp.example"}]},
)
def invite_many(account_id: str, body: BatchBody) -> Response:
    """Invite up to 1,000 people at once.

    Each row has its own result, and a refused row doesn't affect the others. Rows beyond a limit on inviting are
    refused with `invitation_limit`; the rows before them are invited.
    """
    rows = [parsed_row(row) for row in body.invitations]
    requests = [request_of(row) for row in rows if isinstance(row, InviteBody)]
    with autocommit_or_transaction() as connection:
        created = create.invite_all(
            connection, actor=actor(), policy=app_context().policy, account_id=account_id, requests=requests
        )
    outcomes = iter(created)
    results = [next(outcomes) if isinstance(row, InviteBody) else row for row in rows]
    body_out = {"results": [result_out(index, result) for index, result in enumerate(results)]}
    return json_response(body_out, 207, rate_limit_headers.headers_of_results(created))


@v1.get("/accounts/<account_id>/invitations")
@requires(Permission.TEAM_VIEW)
@endpoint("Invitations", query=InvitationQuery, response=InvitationsOut)
def list_invitations(account_id: str, query: InvitationQuery) -> Response:
    """List an account's invitations, newest first."""
    before, limit = decode(query.cursor), query.limit + 1
    if query.narrows:
        with transaction() as session:
            rows = manage.search(
                session,
                account_id=account_id,
                status=query.status,
                delivery=query.delivery,
                q=query.q,
                before=before,
                limit=limit,
            )
    else:
        with autocommit_or_transaction() as connection:
            rows = manage.list_newest(connection, account_id=account_id, before=before, limit=limit)
    return json_response(page(rows, limit=query.limit, key=lambda row: row["id"]))


@v1.get("/accounts/<account_id>/invitations/<invitation_id>")
@requires(Permission.TEAM_VIEW)
@endpoint("Invitations", response=InvitationOut)
def show_invitation(account_id: str, invitation_id: str) -> dict[str, Any]:
    """Get an invitation, with its checks and its delivery."""
    with transaction() as session:
        return invitation_out(manage.get(session, account_id=account_id, invitation_id=invitation_id))


@v1.get("/accounts/<account_id>/invitations/<invitation_id>/events")
@requires(Permission.TEAM_VIEW)
@endpoint("Invitations", query=PageQuery, response=EventsOut)
def list_invitation_events(account_id: str, invitation_id: str, query: PageQuery) -> dict[str, Any]:
    """List the events of an invitation, oldest first.

    Archived events are not included.
    """
    with transaction() as session:
        manage.get(session, account_id=account_id, invitation_id=invitation_id)
        rows = audit_log.timeline(
            session,
            account_id=account_id,
            subject_id=invitation_id,
            after=decode_number(query.cursor),
            limit=query.limit + 1,
        )
    return page(rows, limit=query.limit, key=lambda event: str(event.seq))


@v1.post("/accounts/<account_id>/invitations/<invitation_id>/resend")
@requires(Permission.TEAM_EDIT)
@prefer_wait
@endpoint("Invitations", response=InvitationOut, status=202, problems=(409, 422, 429))
def resend_invitation(account_id: str, invitation_id: str) -> Any:
    """Resend an invitation with a new link.

    The previous link stops working. An expired invitation becomes pending again.
    """
    with transaction() as session:
        invitation = manage.resend(
            session, actor=actor(), policy=app_context().policy, account_id=account_id, invitation_id=invitation_id
        )
    return _located(invitation)


@v1.post("/accounts/<account_id>/invitations/<invitation_id>/revoke")
@requires(Permission.TEAM_EDIT)
@endpoint("Invitations", response=InvitationOut, problems=(409,))
def revoke_invitation(account_id: str, invitation_id: str) -> dict[str, Any]:
    """Revoke an invitation.

    Its link stops working at once.
    """
    with transaction() as session:
        return invitation_out(manage.revoke(session, actor=actor(), account_id=account_id, invitation_id=invitation_id))


@v1.patch("/accounts/<account_id>/invitations/<invitation_id>")
@requires(Permission.TEAM_EDIT)
@endpoint("Invitations", body=RoleBody, response=InvitationOut, problems=(409,), example={"role": "support"})
def change_invitation(account_id: str, invitation_id: str, body: RoleBody) -> dict[str, Any]:
    """Change the role that an open invitation offers.

    The invitee gets the role at the time of acceptance.
    """
    with transaction() as session:
        return invitation_out(
            changes.change_invitation_role(
                session, actor=actor(), account_id=account_id, invitation_id=invitation_id, role=body.role
            )
        )


def _located(invitation: Invitation | CreatedInvitation) -> Response:
    path = f"/v1/accounts/{invitation.account_id}/invitations/{invitation.id}"
    left = rate_limit_headers.headers(getattr(invitation, "quotas", ()))
    return json_response(invitation_out(invitation), 202, {"Location": path, **left})
