"""The signed-in person: their profile and their accounts."""

from typing import Any

from flask import Response

from shared.models import FailedSignIn
from shared.services import acceptance, accounts, failed_sign_ins, memberships, offers, users
from shared.services.acceptance import Joined
from web import auth
from web.api.links import offer_out
from web.call import call, v1, written
from web.database import together, transaction
from web.guard import actor, signed_in
from web.kit import kit
from web.paging import decoded, page
from web.schemas.base import PageQuery
from web.schemas.invitations import AcceptedOut, MyInvitations, RefusalBody
from web.schemas.people import FailedSignIns, MyAccounts, ProfileBody, UserOut, user_out


@v1.get("/me")
@signed_in
@call("People", answers=UserOut)
def show_me() -> dict[str, Any]:
    """Show the signed-in person."""
    return user_out(auth.user())


@v1.patch("/me")
@signed_in
@call("People", body=ProfileBody, answers=UserOut, problems=(404,), example={"name": "Carol Díaz", "locale": "es"})
def change_me(body: ProfileBody) -> dict[str, Any]:
    """Change the name, the language, or the account to land in after signing in; what is left out stays.

    The landing account has to be one of one's own; null means none in particular.
    """
    changes = body.model_dump(exclude_unset=True)
    with transaction() as session:
        return user_out(users.change_profile(session, actor=actor(), user_id=auth.user().id, changes=changes))


@v1.get("/me/failed-sign-ins")
@signed_in
@call("People", query=PageQuery, answers=FailedSignIns)
def list_my_failed_sign_ins(query: PageQuery) -> dict[str, Any]:
    """List the failed sign-ins with the signed-in person's proven address, of the last 30 days, the newest first."""
    rows = failed(before=decoded(query.cursor), limit=query.limit + 1)
    shown = [{"id": row.id, "at": row.failed_at, "origin": row.origin} for row in rows]
    return page(shown, limit=query.limit, key=lambda row: str(row["id"]))


@v1.get("/me/accounts")
@signed_in
@call("People", query=PageQuery, answers=MyAccounts)
def list_my_accounts(query: PageQuery) -> dict[str, Any]:
    """List the accounts of the signed-in person, with their role in each."""
    me = auth.user()
    with transaction() as session:
        rows = memberships.accounts_of(session, user_id=me.id, after=decoded(query.cursor) or "", limit=query.limit + 1)
        landing = accounts.landing(session, me)
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
@call("People", query=PageQuery, answers=MyInvitations)
def list_my_invitations(query: PageQuery) -> dict[str, Any]:
    """List the pending invitations to the signed-in person's proven address, the oldest first."""
    with transaction() as session:
        waiting = offers.waiting(session, user=auth.user(), after=decoded(query.cursor) or "", limit=query.limit + 1)
    shown = [offer_out(offer) | {"id": offer.invitation.id} for offer in waiting]
    return page(shown, limit=query.limit, key=lambda offer: str(offer["id"]))


@v1.post("/me/invitations/<invitation_id>/accept")
@signed_in
@call("People", answers=AcceptedOut, problems=(404, 409, 410))
def accept_my_invitation(invitation_id: str) -> Response:
    """Accept an invitation to one's proven address, without the mail; again, it answers the same."""
    return written({"membership": accept(invitation_id), "token": None})


@v1.post("/me/invitations/<invitation_id>/decline")
@signed_in
@call("People", body=RefusalBody, status=204, problems=(404, 410), example={"reason": "I have left the company."})
def decline_my_invitation(invitation_id: str, body: RefusalBody) -> None:
    """Decline an invitation to one's proven address, without the mail."""
    decline(invitation_id, body)


def failed(*, before: str | None, limit: int) -> list[FailedSignIn]:
    """The failed sign-ins with the signed-in person's address; none while they have not proven that it is theirs."""
    me = auth.user()
    if me.email_verified_at is None:
        return []
    with transaction() as session:
        return failed_sign_ins.latest(session, email_key=me.email_key, before=before, limit=limit)


def accept(invitation_id: str) -> Joined:
    """Accept for the signed-in person."""
    with together() as asked:
        joined = acceptance.accept_mine(
            asked, actor=actor(), rules=kit().rules, user=auth.user(), invitation_id=invitation_id
        )
    return joined()


def decline(invitation_id: str, body: RefusalBody) -> None:
    """Decline for the signed-in person."""
    with transaction() as session:
        offers.decline_mine(
            session,
            actor=actor(),
            user=auth.user(),
            invitation_id=invitation_id,
            reason=body.reason,
            report_abuse=body.report_abuse,
        )
