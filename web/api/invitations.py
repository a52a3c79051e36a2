"""Invitations, as the account sees them."""

from typing import Any

from flask import Response

from shared.models import Invitation
from shared.permissions import Permission
from shared.services import audit, invitations, inviting, team
from shared.services.inviting import Made
from web import quotas
from web.bodies import LARGE
from web.call import call, v1, written
from web.database import at_once, transaction
from web.guard import actor, requires
from web.idempotent import idempotent
from web.kit import kit
from web.paging import decoded, decoded_number, page
from web.patience import once_checked
from web.schemas.accounts import RoleBody
from web.schemas.base import PageQuery
from web.schemas.batch import BatchBody, BatchOut, result_out, understood, wish_of
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
@once_checked
@idempotent
@call(
    "Invitations",
    body=InviteBody,
    answers=InvitationOut,
    status=202,
    problems=(409, 429),
    example={"email": "bob@corp.example", "role": "developer", "message": "Welcome aboard!"},
)
def invite(account_id: str, body: InviteBody) -> Any:
    """Invite somebody. It is promised once this answers, and checked and mailed by the workers.

    422 with `reasons` where an instant check refuses, 429 where a limit on inviting is reached; nothing is sent then.
    `RateLimit` tells what is left. `Prefer: wait=N` (N up to 10 seconds)
    answers only once the checks are done.
    """
    with at_once() as asked:
        invitation = inviting.invite(asked, actor=actor(), rules=kit().rules, account_id=account_id, wish=wish_of(body))
    return _located(invitation)


@v1.post("/accounts/<account_id>/invitations/batch")
@requires(Permission.TEAM_EDIT)
@idempotent
@call(
    "Invitations",
    body=BatchBody,
    answers=BatchOut,
    status=207,
    problems=(409,),
    max_body=LARGE,
    example={"invitations": [{"email": "carol@corp.example", "role": "support"}, {"email": "dan@corp.example"}]},
)
def invite_many(account_id: str, body: BatchBody) -> Response:
    """Invite up to 1,000 at once. Each row has an outcome of its own; one that is refused stops no other.

    Rows beyond a limit on inviting are refused with `invitation_limit`; those before them go.
    """
    rows = [understood(row) for row in body.invitations]
    wishes = [wish_of(row) for row in rows if isinstance(row, InviteBody)]
    with at_once() as asked:
        made = inviting.invite_all(asked, actor=actor(), rules=kit().rules, account_id=account_id, wishes=wishes)
    outcomes = iter(made)
    results = [next(outcomes) if isinstance(row, InviteBody) else row for row in rows]
    left = quotas.headers(next((each.quotas for each in made if isinstance(each, Made)), ()))
    return written({"results": [result_out(index, result) for index, result in enumerate(results)]}, 207, left)


@v1.get("/accounts/<account_id>/invitations")
@requires(Permission.TEAM_VIEW)
@call("Invitations", query=InvitationQuery, answers=InvitationsOut)
def list_invitations(account_id: str, query: InvitationQuery) -> Response:
    """List the invitations of an account, the newest first."""
    before, limit = decoded(query.cursor), query.limit + 1
    if query.narrows:
        with transaction() as session:
            rows = invitations.searched(
                session,
                account_id=account_id,
                status=query.status,
                delivery=query.delivery,
                q=query.q,
                before=before,
                limit=limit,
            )
    else:
        with at_once() as asked:
            rows = invitations.listed(asked, account_id=account_id, before=before, limit=limit)
    return written(page(rows, limit=query.limit, key=lambda row: row["id"]))


@v1.get("/accounts/<account_id>/invitations/<invitation_id>")
@requires(Permission.TEAM_VIEW)
@call("Invitations", answers=InvitationOut)
def show_invitation(account_id: str, invitation_id: str) -> dict[str, Any]:
    """Show an invitation, with its checks and its delivery."""
    with transaction() as session:
        return invitation_out(invitations.get(session, account_id=account_id, invitation_id=invitation_id))


@v1.get("/accounts/<account_id>/invitations/<invitation_id>/events")
@requires(Permission.TEAM_VIEW)
@call("Invitations", query=PageQuery, answers=EventsOut)
def list_invitation_events(account_id: str, invitation_id: str, query: PageQuery) -> dict[str, Any]:
    """Tell what happened to an invitation, the oldest first; what is archived is not among it."""
    with transaction() as session:
        invitations.get(session, account_id=account_id, invitation_id=invitation_id)
        rows = audit.timeline(
            session,
            account_id=account_id,
            subject_id=invitation_id,
            after=decoded_number(query.cursor),
            limit=query.limit + 1,
        )
    return page(rows, limit=query.limit, key=lambda event: str(event.seq))


@v1.post("/accounts/<account_id>/invitations/<invitation_id>/resend")
@requires(Permission.TEAM_EDIT)
@once_checked
@call("Invitations", answers=InvitationOut, status=202, problems=(409, 422, 429))
def resend_invitation(account_id: str, invitation_id: str) -> Any:
    """Send an invitation again under a fresh link; the link before it ends. An expired one comes back to life."""
    with transaction() as session:
        invitation = invitations.resend(
            session, actor=actor(), rules=kit().rules, account_id=account_id, invitation_id=invitation_id
        )
    return _located(invitation)


@v1.post("/accounts/<account_id>/invitations/<invitation_id>/revoke")
@requires(Permission.TEAM_EDIT)
@call("Invitations", answers=InvitationOut, problems=(409,))
def revoke_invitation(account_id: str, invitation_id: str) -> dict[str, Any]:
    """Withdraw an invitation; its link is dead from now on."""
    with transaction() as session:
        return invitation_out(
            invitations.revoke(session, actor=actor(), account_id=account_id, invitation_id=invitation_id)
        )


@v1.patch("/accounts/<account_id>/invitations/<invitation_id>")
@requires(Permission.TEAM_EDIT)
@call("Invitations", body=RoleBody, answers=InvitationOut, problems=(409,), example={"role": "support"})
def change_invitation(account_id: str, invitation_id: str, body: RoleBody) -> dict[str, Any]:
    """Have an open invitation offer another role; whoever accepts gets the role of that moment."""
    with transaction() as session:
        return invitation_out(
            team.change_offer(
                session, actor=actor(), account_id=account_id, invitation_id=invitation_id, role=body.role
            )
        )


def _located(invitation: Invitation | Made) -> Response:
    path = f"/v1/accounts/{invitation.account_id}/invitations/{invitation.id}"
    left = quotas.headers(getattr(invitation, "quotas", ()))
    return written(invitation_out(invitation), 202, {"Location": path, **left})
