"""What the person behind an invitation's link can do: look, accept, decline, ask for a new one."""

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
    """Show what a link offers. Nothing changes, however often this is asked."""
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
    """Accept: by whoever is signed in with the invited address, or by signing up with a name and a password.

    The same person again gets the same answer. A link alone signs nobody in.
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
    """Decline; the link is spent then."""
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
    """Ask for a new link in place of one that is dead. Whoever invited is told by mail, and sends it or doesn't.

    They are asked about the same invitation once in six hours. Nothing is sent to the invited address by this.
    """
    return link_request_out(request_link(body.token))
