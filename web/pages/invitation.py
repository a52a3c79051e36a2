"""The pages behind an invitation's link. GET changes nothing; POST accepts, declines, or requests a new link.

The link's token is removed from the address at once: a 303 leads to the page of that invitation, with the token in a
cookie, so it appears in no history, title or referrer. A form acts on the invitation of its page, whatever other links
the browser has opened. The page shows the invited address masked. A dead link says why it no longer works, and who can
send a new one.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import Response, render_template, request

from shared.email_address import masked
from shared.errors import Forged, Invalid, LinkDead, TooSoon
from shared.invitations import invitee, link_requests
from shared.invitations import links as links_sent
from shared.invitations.invitee import Offer
from shared.invitations.link_requests import LinkRequest
from shared.models import Invitation
from web.actions import invitation_links
from web.auth import csrf
from web.auth.guards import public
from web.database import transaction
from web.schemas.invitations import AcceptBody, DeclineBody
from web.ui import form_results, forms, opened_links, visitor
from web.ui.blueprint import site
from web.ui.form_once import once


@site.get("/i/<token>")
@public
def open_link(token: str) -> Response:
    """Redirect to the invitation's page, whose address has no token."""
    invitation = _invitation(token)
    response = visitor.redirect(_page(invitation.id))
    opened_links.keep(response, invitation.id, token)
    return response


@site.post("/i/<token>")
@public
def answer_link(token: str) -> Response:
    """Accept or decline the invitation of this link, or request a new one."""
    return _behind(_invitation(token), token, _answer)


@site.get("/invitations/<invitation_id>")
@public
def show_invitation(invitation_id: str) -> Response:
    """Show the invitation, if this browser has opened its link."""
    return _opened(invitation_id, _show)


def _keeping_typed(view: Callable[..., Response]) -> Callable[..., Response]:
    """Where the browser has lost its cookies, keep what was typed and ask for the link again."""

    @wraps(view)
    def answered(invitation_id: str) -> Response:
        try:
            return view(invitation_id=invitation_id)
        except Forged as refusal:
            if not csrf.lost_seed():
                raise
            return forms.refused(_link_needed(invitation_id), refusal)

    return answered


@site.post("/invitations/<invitation_id>")
@_keeping_typed
@public
def answer_invitation(invitation_id: str) -> Response:
    """Accept or decline this invitation, or request a new link."""
    return _opened(invitation_id, _answer)


@site.get("/invitations/<invitation_id>/asked")
@public
def show_link_requested(invitation_id: str) -> Response:
    """Show who was notified of the request for a new link."""

    def show(token: str) -> Response:
        link_request = _link_request(token)
        if link_request is None or link_request.again_at is None:
            return visitor.redirect(_page(invitation_id))
        return Response(render_template("pages/asked.html", wanted=link_request, before=False))

    return _opened(invitation_id, show)


def _opened(invitation_id: str, living: Callable[[str], Response]) -> Response:
    """Call `living` if this browser has opened the invitation's link; otherwise ask the visitor to open it."""
    token = opened_links.token_of(invitation_id)
    invitation = _invitation(token) if token else None
    if token is None or invitation is None or invitation.id != invitation_id:
        return Response(_link_needed(invitation_id), 404)
    return _behind(invitation, token, living)


def _link_needed(invitation_id: str) -> str:
    return render_template("pages/link_needed.html", form=forms.typed(), here=_page(invitation_id))


def _behind(invitation: Invitation, token: str, living: Callable[[str], Response]) -> Response:
    """Call `living` while the link works; otherwise explain why it is dead, and offer a new one if possible."""
    try:
        return living(token)
    except LinkDead as dead:
        me = visitor.signed_in_user()
        if me is not None and invitation.accepted_by == me.id:
            return visitor.redirect(f"/accounts/{invitation.account_id}")
        link_request = _link_request(token)
        if link_request is None:
            raise
        page = render_template("pages/dead_link.html", dead=dead, wanted=link_request, here=_page(invitation.id))
        return forms.refused(page, dead)


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
            return form_results.page(
                "declined", lambda: invitation_links.decline_by_link(forms.body_of(DeclineBody, token=token))
            )
        raise Invalid([("action", "Choose to accept or to decline.")])
    except forms.REFUSALS as refusal:
        return forms.show_again("pages/invitation.html", refusal, **_offered(token))


def _accept(token: str) -> Response:
    body = forms.body_of(AcceptBody, token=token)
    joined, opened = invitation_links.accept_by_link(body.token, body.name, body.password)
    response = visitor.redirect(f"/?joined={joined['account']['id']}")
    if opened is not None:
        visitor.stay_signed_in(response, opened)
    return response


def _ask(token: str) -> Response:
    """Request a new link. Within hours of a request, the page says that the first one still counts."""
    try:
        once(lambda: invitation_links.request_link(token).who)
    except TooSoon as refusal:
        link_request = _link_request(token)
        if link_request is None or link_request.again_at is None:
            raise
        return forms.refused(render_template("pages/asked.html", wanted=link_request, before=True), refusal)
    return visitor.redirect(f"{_page(_invitation(token).id)}/asked")


def _link_request(token: str) -> LinkRequest | None:
    with transaction() as session:
        return link_requests.preview(session, token=token)


def _offered(token: str) -> dict[str, Any]:
    with transaction() as session:
        offer = invitee.inspect(session, token=token)
    me = visitor.signed_in_user()
    return {
        "offer": offer,
        "here": _page(offer.invitation.id),
        "invited": masked(offer.invitation.email),
        "me": masked(me.email) if me else None,
        "standing": _standing(offer),
    }


def _standing(offer: Offer) -> str:
    """Return the form to show: `new`, `known` (has a user, not signed in), `invited` or `other`."""
    me = visitor.signed_in_user()
    if me is None:
        return "known" if offer.user_exists else "new"
    return "invited" if me.email_key == offer.invitation.email_key else "other"


def _invitation(token: str) -> Invitation:
    with transaction() as session:
        return links_sent.find_by_any_token(session, token)


def _page(invitation_id: str) -> str:
    return f"/invitations/{invitation_id}"
