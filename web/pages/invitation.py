"""The page behind an invitation's link: GET shows and changes nothing, POST accepts or declines.

The link's token is taken out of the address at once (303 to a clean one) and kept in a cookie for a short while, so
that it stands in no history, title or referrer. The page tells whose link it is only by a masked address.
"""

from typing import Any

from flask import Response, render_template, request

from shared.email_address import masked
from shared.errors import Invalid, NotFound
from shared.services import acceptance
from shared.services.acceptance import Offer
from web import cookies
from web.api import links
from web.database import transaction
from web.guard import public
from web.pages import form, visitor
from web.pages.site import site
from web.schemas.invitations import AcceptBody, DeclineBody

_KEPT = 10 * 60
"""How long the browser keeps the link's token, in seconds."""


@site.get("/i/<token>")
@public
def open_link(token: str) -> Response:
    """Go on to the address without the token; a dead link says why it is dead instead."""
    with transaction() as session:
        acceptance.inspect(session, token=token)
    response = visitor.send_on("/i")
    cookies.put(response, _cookie(), token, max_age=_KEPT)
    return response


@site.get("/i")
@public
def show_invitation() -> Response:
    """Show what the link that was opened last offers."""
    return Response(render_template("pages/invitation.html", **_offered(_kept_token())))


@site.post("/i")
@public
def answer_kept() -> Response:
    """Accept or decline the invitation whose link was opened last."""
    return _answer(_kept_token())


@site.post("/i/<token>")
@public
def answer_link(token: str) -> Response:
    """Accept or decline the invitation of this link."""
    return _answer(token)


def _answer(token: str) -> Response:
    action = request.form.get("action")
    try:
        if action == "accept":
            return _accept(token)
        if action == "decline":
            return _decline(token)
        raise Invalid([("action", "Choose to accept or to decline.")])
    except form.REFUSALS as refusal:
        return form.again("pages/invitation.html", refusal, **_offered(token))


def _accept(token: str) -> Response:
    body = form.filled(AcceptBody, token=token)
    _, _, account, opened = links.accept(body.token, body.name, body.password)
    response = visitor.send_on(f"/?joined={account.id}")
    cookies.drop(response, _cookie())
    if opened is not None:
        visitor.stay_signed_in(response, opened)
    return response


def _decline(token: str) -> Response:
    links.decline(form.filled(DeclineBody, token=token))
    response = Response(render_template("pages/declined.html"))
    cookies.drop(response, _cookie())
    return response


def _offered(token: str) -> dict[str, Any]:
    with transaction() as session:
        offer = acceptance.inspect(session, token=token)
    me = visitor.known()
    return {
        "offer": offer,
        "invited": masked(offer.invitation.email),
        "me": masked(me.email) if me else None,
        "standing": _standing(offer),
    }


def _standing(offer: Offer) -> str:
    """Which of the page's forms fits: `new`, `known` (has a user, not signed in), `invited` or `somebody else`."""
    me = visitor.known()
    if me is None:
        return "known" if offer.user_exists else "new"
    return "invited" if me.email_key == offer.invitation.email_key else "somebody else"


def _kept_token() -> str:
    token = request.cookies.get(_cookie())
    if not token:
        raise NotFound(
            "This page shows the invitation whose link was opened last, and none was opened lately.",
            remedy="Open the link in your mail again.",
        )
    return token


def _cookie() -> str:
    return cookies.named("usher_invitation")
