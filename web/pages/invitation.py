"""The page behind an invitation's link: GET shows and changes nothing, POST accepts, declines, or asks for a new link.

The link's token is taken out of the address at once (303 to a clean one) and kept in a cookie for a short while, so
that it stands in no history, title or referrer. The page tells whose link it is only by a masked address. A dead link
says why it is dead, and whom to ask for a new one.
"""

from collections.abc import Callable
from typing import Any

from flask import Response, render_template, request

from shared.email_address import masked
from shared.errors import Invalid, LinkDead, NotFound, TooSoon
from shared.services import asking, offers
from shared.services.asking import Wanted
from shared.services.offers import Offer
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
    return _behind(token, _go_on)


@site.get("/i")
@public
def show_invitation() -> Response:
    """Show what the link that was opened last offers."""
    return _behind(_kept_token(), _show)


@site.post("/i")
@public
def answer_kept() -> Response:
    """Accept or decline the invitation whose link was opened last, or ask for a new link."""
    return _behind(_kept_token(), _answer)


@site.post("/i/<token>")
@public
def answer_link(token: str) -> Response:
    """Accept or decline the invitation of this link, or ask for a new one."""
    return _behind(token, _answer)


def _behind(token: str, living: Callable[[str], Response]) -> Response:
    """What stands behind the link while it lives; else why it is dead, and a way to a new one where there is one."""
    try:
        return living(token)
    except LinkDead as dead:
        wanted = _wanted(token)
        if wanted is None:
            raise
        page = render_template("pages/dead_link.html", dead=dead, wanted=wanted)
        return form.refused(page, dead)


def _go_on(token: str) -> Response:
    with transaction() as session:
        offers.inspect(session, token=token)
    response = visitor.send_on("/i")
    cookies.put(response, _cookie(), token, max_age=_KEPT)
    return response


def _show(token: str) -> Response:
    return Response(render_template("pages/invitation.html", **_offered(token)))


def _answer(token: str) -> Response:
    action = request.form.get("action")
    if action == "ask":
        return _ask(token)
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
    joined, opened = links.accept(body.token, body.name, body.password)
    response = visitor.send_on(f"/?joined={joined['account']['id']}")
    cookies.drop(response, _cookie())
    if opened is not None:
        visitor.stay_signed_in(response, opened)
    return response


def _decline(token: str) -> Response:
    links.decline(form.filled(DeclineBody, token=token))
    response = Response(render_template("pages/declined.html"))
    cookies.drop(response, _cookie())
    return response


def _ask(token: str) -> Response:
    """Ask for a new link; a second time within hours, the page says that the first still stands."""
    try:
        return Response(render_template("pages/asked.html", wanted=links.ask(token), before=False))
    except TooSoon as refusal:
        wanted = _wanted(token)
        if wanted is None or wanted.again_at is None:
            raise
        return form.refused(render_template("pages/asked.html", wanted=wanted, before=True), refusal)


def _wanted(token: str) -> Wanted | None:
    with transaction() as session:
        return asking.look(session, token=token)


def _offered(token: str) -> dict[str, Any]:
    with transaction() as session:
        offer = offers.inspect(session, token=token)
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
