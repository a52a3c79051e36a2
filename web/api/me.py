"""The signed-in user: profile, accounts and invitations."""

from typing import Any

from flask import Response

from shared.accounts import accounts, memberships, profiles
from shared.invitations import invitee
from web.actions.own_invitations import accept_own, decline_own, failed
from web.auth import identity
from web.auth.guards import actor, signed_in
from web.database import transaction
from web.http.endpoint import endpoint, json_response, v1
from web.http.paging import decode, page
from web.schemas.base import PageQuery
from web.schemas.invitations import AcceptedOut, MyInvitations, RefusalBody, offer_out
from web.schemas.users import FailedSignIns, MyAccounts, ProfileBody, UserOut, user_out


@v1.get("/me")
@signed_in
@endpoint("People", response=UserOut)
def show_me() -> dict[str, Any]:
    """Get the current user."""
    return user_out(identity.user())


@v1.patch("/me")
@signed_in
@endpoint("People", body=ProfileBody, response=UserOut, problems=(404,), example={"name": "Carol Díaz", "locale": "es"})
def change_me(body: ProfileBody) -> dict[str, Any]:
    """Update the current user's name, language or default account.

    Fields that are left out stay unchanged. The default account is shown first after signing in. It must be one of the
    user's own; null removes it.
    """
    changes = body.model_dump(exclude_unset=True)
    with transaction() as session:
        return user_out(profiles.change_profile(session, actor=actor(), user_id=identity.user().id, changes=changes))


@v1.get("/me/failed-sign-ins")
@signed_in
@endpoint("People", query=PageQuery, response=FailedSignIns)
def list_my_failed_sign_ins(query: PageQuery) -> dict[str, Any]:
    """List failed sign-ins with the current user's verified address in the last 30 days, newest first."""
    rows = failed(before=decode(query.cursor), limit=query.limit + 1)
    shown = [{"id": row.id, "at": row.failed_at, "origin": row.origin} for row in rows]
    return page(shown, limit=query.limit, key=lambda row: str(row["id"]))


@v1.get("/me/accounts")
@signed_in
@endpoint("People", query=PageQuery, response=MyAccounts)
def list_my_accounts(query: PageQuery) -> dict[str, Any]:
    """List the current user's accounts, with their role in each."""
    me = identity.user()
    with transaction() as session:
        rows = memberships.list_accounts(
            session, user_id=me.id, after=decode(query.cursor) or "", limit=query.limit + 1
        )
        landing = accounts.landing_account(session, me)
    mine: list[dict[str, Any]] = [
        {
            "account": account,
            "membership_id": place.id,
            "role": place.role,
            "is_default": landing is not None and account.id == landing.id,
        }
        for account, place in rows
    ]
    return page(mine, limit=query.limit, key=lambda shown: str(shown["account"].id))


@v1.get("/me/invitations")
@signed_in
@endpoint("People", query=PageQuery, response=MyInvitations)
def list_my_invitations(query: PageQuery) -> dict[str, Any]:
    """List the pending invitations to the current user's verified address, oldest first."""
    with transaction() as session:
        waiting = invitee.list_open(
            session, user=identity.user(), after=decode(query.cursor) or "", limit=query.limit + 1
        )
    shown = [offer_out(offer) | {"id": offer.invitation.id} for offer in waiting]
    return page(shown, limit=query.limit, key=lambda offer: str(offer["id"]))


@v1.post("/me/invitations/<invitation_id>/accept")
@signed_in
@endpoint("People", response=AcceptedOut, problems=(404, 409, 410))
def accept_my_invitation(invitation_id: str) -> Response:
    """Accept an invitation to your verified address, without its link.

    Repeating the request returns the same result.
    """
    return json_response({"membership": accept_own(invitation_id), "token": None})


@v1.post("/me/invitations/<invitation_id>/decline")
@signed_in
@endpoint("People", body=RefusalBody, status=204, problems=(404, 410), example={"reason": "I have left the company."})
def decline_my_invitation(invitation_id: str, body: RefusalBody) -> None:
    """Decline an invitation to your verified address, without its link."""
    decline_own(invitation_id, body)
