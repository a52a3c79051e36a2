"""What the person behind an invitation's link can do: look, accept, decline, ask for a new one."""

from typing import Any

from flask import Response

from shared.email_address import masked
from shared.errors import LinkDead, Unauthenticated
from shared.models import Status
from shared.permissions import Role, in_words
from shared.services import acceptance, asking, links, offers, password_policy, sessions
from shared.services.acceptance import Joined, SignUp, Unproven
from shared.services.asking import Wanted
from shared.services.offers import Offer
from web import auth, limits
from web.call import call, v1, written
from web.database import together, transaction
from web.guard import actor, public, whoever
from web.kit import kit
from web.schemas.invitations import AcceptBody, AcceptedOut, AskedOut, DeclineBody, OfferOut
from web.schemas.people import TokenBody

_TOKEN = "x" * 43


@v1.post("/invitations/inspect")
@public
@call("Links", body=TokenBody, answers=OfferOut, problems=(404, 410), example={"token": _TOKEN})
def inspect_link(body: TokenBody) -> dict[str, Any]:
    """Show what a link offers. Nothing changes, however often this is asked."""
    with transaction() as session:
        return offer_out(offers.inspect(session, token=body.token))


@v1.post("/invitations/accept")
@whoever
@call(
    "Links",
    body=AcceptBody,
    answers=AcceptedOut,
    problems=(401, 404, 409, 410, 429),
    example={"token": _TOKEN, "name": "Bob Li", "password": "correct horse battery"},
)
def accept_invitation(body: AcceptBody) -> Response:
    """Accept: by whoever is signed in with the invited address, or by signing up with a name and a password.

    The same person again gets the same answer. A link alone signs nobody in.
    """
    joined, token = accept(body.token, body.name, body.password)
    return written({"membership": joined, "token": token})


@v1.post("/invitations/decline")
@public
@call(
    "Links",
    body=DeclineBody,
    status=204,
    problems=(404, 410),
    example={"token": _TOKEN, "reason": "I have left the company.", "report_abuse": False},
)
def decline_invitation(body: DeclineBody) -> None:
    """Decline; the link is spent then."""
    decline(body)


@v1.post("/invitations/request-new")
@public
@call(
    "Links",
    body=TokenBody,
    answers=AskedOut,
    status=202,
    problems=(404, 410, 429),
    example={"token": _TOKEN},
)
def request_new_link(body: TokenBody) -> dict[str, Any]:
    """Ask for a new link in place of one that is dead. Whoever invited is told by mail, and sends it or doesn't.

    They are asked about the same invitation once in six hours. Nothing is sent to the invited address by this.
    """
    return asked_out(ask(body.token))


def accept(token: str, name: str | None, password: str | None) -> tuple[Joined, str | None]:
    """Accept for whoever is signed in, or sign them up; the session's token where somebody new was signed up."""
    if password is not None and auth.caller().user is None:
        return _accept_signing_up(token, name, password)
    return _accept(token), None


def decline(body: DeclineBody) -> None:
    """Decline for whoever holds the link."""
    with transaction() as session:
        offers.decline(
            session, actor=actor(), token=body.token, reason=body.reason or None, report_abuse=body.report_abuse
        )


def ask(token: str) -> Wanted:
    """Ask whoever answers for the invitation for a new link."""
    limits.count("new_link", limits.from_here())
    with transaction() as session:
        return asking.ask(session, actor=actor(), token=token)


def asked_out(wanted: Wanted) -> dict[str, Any]:
    """What was asked of whom, as the holder of the link may see it."""
    return {
        "account": {"name": wanted.account},
        "asked": wanted.who,
        "inviter": {"name": wanted.inviter} if wanted.inviter else None,
        "again_at": wanted.again_at,
    }


def offer_out(offer: Offer) -> dict[str, Any]:
    """An offer as the holder of its link may see it."""
    invitation = offer.invitation
    return {
        "account": offer.account,
        "inviter": offer.inviter,
        "role": invitation.role,
        "permissions": in_words(Role(invitation.role)),
        "email": masked(invitation.email),
        "message": invitation.message,
        "expires_at": invitation.expires_at,
        "user_exists": offer.user_exists,
    }


def _accept(token: str) -> Joined:
    try:
        with together() as asked:
            joined = acceptance.accept(
                asked, rules=kit().rules, token=token, caller=lambda: (auth.actor(), auth.caller().user)
            )
        return joined()
    except Unproven:
        return _accept_proving(token)


def _accept_proving(token: str) -> Joined:
    with transaction() as session:
        return acceptance.accept_proving(
            session, actor=auth.actor(), rules=kit().rules, token=token, user=auth.user(), keep=auth.caller().token
        )


def _accept_signing_up(token: str, name: str | None, password: str) -> tuple[Joined, str | None]:
    before = _accepted_by(token, password)
    if before is None and not name:
        return _accept(token), None
    if before is not None:
        return before, _signed_in(before)
    # The hash takes longer than everything else together, so no row is locked and no connection held meanwhile.
    sign_up = SignUp(name or "", _digest(token, name or "", password))
    try:
        with transaction() as session:
            joined = acceptance.accept_signing_up(
                session, actor=auth.actor(), rules=kit().rules, token=token, sign_up=sign_up
            )
            return joined, _signed_in(joined)
    except LinkDead:
        # The same person's first press may have come between.
        if meanwhile := _accepted_by(token, password):
            return meanwhile, _signed_in(meanwhile)
        raise


def _signed_in(joined: Joined) -> str:
    ttl = kit().settings.session_ttl
    with transaction() as session:
        token, _ = sessions.start(session, actor=auth.actor(), user_id=joined["user"]["id"], ttl=ttl)
    return token


def _digest(token: str, name: str, password: str) -> str:
    """The hash of the password that somebody new chose; raises `PasswordCommon`."""
    with transaction() as session:
        address = links.find(session, token).email_key
    return password_policy.chosen(password, about=(name, address), settings=kit().settings)


def _accepted_by(token: str, password: str) -> Joined | None:
    """What this link made of whoever has this password: a request that is sent twice gets the same answer."""
    with transaction() as session:
        if links.find(session, token).status != Status.ACCEPTED:
            return None
    try:
        return limits.password_tried(lambda: _by_password(token, password), token)
    except Unauthenticated:
        return None


def _by_password(token: str, password: str) -> Joined | None:
    with transaction() as session:
        return acceptance.accepted_by_password(session, token=token, password=password)
