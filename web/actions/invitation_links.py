"""Accept or decline an invitation, or request a new link, with the token of its link."""

from shared.accounts import password_policy, sessions
from shared.errors import LinkDead, Unauthenticated
from shared.invitations import accept, invitee, link_requests, links
from shared.invitations.accept import Joined, SignUp, Unproven
from shared.invitations.link_requests import LinkRequest
from shared.models import Status
from web.auth import attempt_limits, identity
from web.auth.guards import actor
from web.context import app_context
from web.database import pipelined_transaction, transaction
from web.schemas.invitations import DeclineBody


def accept_by_link(token: str, name: str | None, password: str | None) -> tuple[Joined, str | None]:
    """Accept as the signed-in user, or sign up a new user.

    Returns the membership, and the session token if a new user was signed up.
    """
    if password is not None and identity.credential().user is None:
        return _accept_signing_up(token, name, password)
    return _accept(token), None


def decline_by_link(body: DeclineBody) -> None:
    """Decline with the link's token."""
    with transaction() as session:
        invitee.decline(
            session, actor=actor(), token=body.token, reason=body.reason or None, report_abuse=body.report_abuse
        )


def request_link(token: str) -> LinkRequest:
    """Ask the inviter for a new link. Raises `TooSoon` beyond the limit per network."""
    attempt_limits.count_attempt("new_link", attempt_limits.client_key())
    with transaction() as session:
        return link_requests.request_link(session, actor=actor(), token=token)


def _accept(token: str) -> Joined:
    try:
        with pipelined_transaction() as connection:
            joined = accept.accept_by_link(
                connection,
                policy=app_context().policy,
                token=token,
                caller=lambda: (identity.actor(), identity.credential().user),
            )
        return joined()
    except Unproven:
        return _accept_proving(token)


def _accept_proving(token: str) -> Joined:
    with transaction() as session:
        return accept.accept_proving(
            session,
            actor=identity.actor(),
            policy=app_context().policy,
            token=token,
            user=identity.user(),
            keep=identity.credential().token,
        )


def _accept_signing_up(token: str, name: str | None, password: str) -> tuple[Joined, str | None]:
    before = _accepted_by(token, password)
    if before is None and not name:
        return _accept(token), None
    if before is not None:
        return before, _signed_in(before)
    # The hash takes longer than everything else, so meanwhile no row is locked and no connection is held.
    sign_up = SignUp(name or "", _digest(token, name or "", password))
    try:
        with transaction() as session:
            joined = accept.accept_signing_up(
                session, actor=identity.actor(), policy=app_context().policy, token=token, sign_up=sign_up
            )
            return joined, _signed_in(joined)
    except LinkDead:
        # The same person's first request may have succeeded meanwhile.
        if meanwhile := _accepted_by(token, password):
            return meanwhile, _signed_in(meanwhile)
        raise


def _signed_in(joined: Joined) -> str:
    ttl = app_context().settings.session_ttl
    with transaction() as session:
        token, _ = sessions.start(session, actor=identity.actor(), user_id=joined["user"]["id"], ttl=ttl)
    return token


def _digest(token: str, name: str, password: str) -> str:
    """Hash the password that a new user chose. Raises `PasswordCommon`."""
    with transaction() as session:
        address = links.find_by_token(session, token).email_key
    return password_policy.chosen(password, about=(name, address), settings=app_context().settings)


def _accepted_by(token: str, password: str) -> Joined | None:
    """Return the membership that the owner of this password has accepted with this link, so that a repeated request
    gets the same result; None otherwise."""
    with transaction() as session:
        if links.find_by_token(session, token).status != Status.ACCEPTED:
            return None
    try:
        return attempt_limits.limited_password_check(lambda: _by_password(token, password), token)
    except Unauthenticated:
        return None


def _by_password(token: str, password: str) -> Joined | None:
    with transaction() as session:
        return accept.accepted_by_password(session, token=token, password=password)
