"""The invitation links that this browser has opened: each token in a separate cookie, named after its invitation.

An invitation's page has the invitation's id in its address, so two tabs with two invitations never interfere. The id is
useless without the cookie.
"""

import re

from flask import Response, request

from web.auth import cookies

KEPT = 24 * 60 * 60
"""Lifetime of the cookie, in seconds."""

MOST = 8
"""The most tokens that a browser keeps. The oldest invitation's token is deleted first."""

_ID = re.compile(r"inv_[0-9a-z]{10,40}")


def keep(response: Response, invitation_id: str, token: str) -> None:
    """Store the token of this invitation's link in the browser."""
    cookies.put(response, _cookie(invitation_id), token, max_age=KEPT)
    # Ids sort by creation time.
    others = sorted(_kept() - {invitation_id})
    for oldest in others[: max(0, len(others) - MOST + 1)]:
        cookies.drop(response, _cookie(oldest))


def token_of(invitation_id: str) -> str | None:
    """Return the token of this invitation's link, if this browser has opened it recently."""
    return request.cookies.get(_cookie(invitation_id)) if _ID.fullmatch(invitation_id) else None


def _kept() -> set[str]:
    prefix = _cookie("")
    return {name.removeprefix(prefix) for name in request.cookies if name.startswith(prefix)}


def _cookie(invitation_id: str) -> str:
    return cookies.named(f"usher_link_{invitation_id}")
