"""A browser in which somebody has signed in before: it is told from strangers who guess that person's password.

The cookie is an HMAC over the user's id. It opens nothing: it has tries from this browser counted apart from others'.
"""

import hmac

from flask import Response, request

from shared.tokens import Purpose, derive
from web.auth import cookies
from web.context import app_context

KEPT = 365 * 24 * 60 * 60
"""How long a browser is known, in seconds."""


def remember(response: Response, user_id: str) -> None:
    """Have the browser known as one of this user's."""
    cookies.put(
        response, _cookie(), derive(app_context().settings.secret_keys[0], Purpose.DEVICE, user_id, 0), max_age=KEPT
    )


def is_known(user_id: str) -> bool:
    """Whether this user has signed in here before."""
    shown = request.cookies.get(_cookie(), "").encode()
    keys = app_context().settings.secret_keys
    return any(hmac.compare_digest(shown, derive(key, Purpose.DEVICE, user_id, 0).encode()) for key in keys)


def _cookie() -> str:
    return cookies.named("usher_device")
