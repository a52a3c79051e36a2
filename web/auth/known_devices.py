"""Browsers in which a user has signed in before, to tell them from strangers who guess that user's password.

The cookie is an HMAC of the user's id. It grants nothing; attempts from such a browser are only counted apart.
"""

import hmac

from flask import Response, request

from shared.tokens import Purpose, derive
from web.auth import cookies
from web.context import app_context

KEPT = 365 * 24 * 60 * 60
"""Lifetime of the cookie, in seconds."""


def remember(response: Response, user_id: str) -> None:
    """Mark the browser as one of this user's."""
    cookies.put(
        response, _cookie(), derive(app_context().settings.secret_keys[0], Purpose.DEVICE, user_id, 0), max_age=KEPT
    )


def is_known(user_id: str) -> bool:
    """Return True if this user has signed in with this browser before."""
    shown = request.cookies.get(_cookie(), "").encode()
    keys = app_context().settings.secret_keys
    return any(hmac.compare_digest(shown, derive(key, Purpose.DEVICE, user_id, 0).encode()) for key in keys)


def _cookie() -> str:
    return cookies.named("usher_device")
