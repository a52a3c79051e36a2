"""Actions with an invitation's link: inspect it, accept, decline, or request a new one."""

from typing import Any

from flask import Response

from shared.invitations import invitee
from web.actions.invitation_links import accept_by_link, decline_by_link, request_link
from web.auth.guards import public, public_lazy
from web.database import transaction
from web.http.endpoint import endpoint, json_response, v1
from web.schemas.invitations import (
    AcceptBody,
    AcceptedOut,
    AskedOut,
    DeclineBody,
    OfferOut,
    link_request_out,
    offer_out,
)
from web.schemas.users import TokenBody

_TOKEN = "x" * 43


@v1.post("/invitations/inspect")
@public
@endpoint("Links", body=TokenBody, response=OfferOut, problems=(404, 410), example={"token": _TOKEN})
def inspect_link(body: TokenBody) -> dict[str, Any]:
    """Show the invitation behind a link.

    This never changes anything.
    """
    with transaction() as session:
        return offer_out(invitee.inspect(session, token=body.token))


@v1.post("/invitations/accept")
@public_lazy
@endpoint(
    "Links",
    body=AcceptBody,
    response=AcceptedOut,
    problems=(401, 404, 409, 410, 429),
    example={"token": _TOKEN, "name": "Bob Li", "password": "correct horse battery"},
)
def accept_invitation(body: AcceptBody) -> Response:
    """Accept an invitation, signed in with the invited address, or sign up with a name and a password.

    Repeating the request returns the same result. The link alone signs no one in.
    """
    joined, token = accept_by_link(body.token, body.name, body.password)
    return json_response({"membership": joined, "token": token})


@v1.post("/invitations/decline")
@public
@endpoint(
    "Links",
    body=DeclineBody,
    status=204,
    problems=(404, 410),
    example={"token": _TOKEN, "reason": "I have left the company.", "report_abuse": False},
)
def decline_invitation(body: DeclineBody) -> None:
    """Decline an invitation.

    Its link no longer works.
    """
    decline_by_link(body)


@v1.post("/invitations/request-new")
@public
@endpoint(
    "Links",
    body=TokenBody,
    response=AskedOut,
    status=202,
    problems=(404, 410, 429),
    example={"token": _TOKEN},
)
def request_new_link(body: TokenBody) -> dict[str, Any]:
    """Request a new link in place of one that no longer works.

    The inviter is notified by email and decides to resend the invitation. They are notified about one invitation at
    most once in six hours. Nothing is sent to the invited address.
    """
    return link_request_out(request_link(body.token))
