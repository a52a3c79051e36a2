"""The operator in a browser: the key is typed once, and a short-lived cookie stands for it on the pages.

The cookie is the token of a row, so signing out ends it wherever it was copied to, and another operator key ends all of
them. It opens pages alone; calls of the API take the key itself.
"""

import hmac
from datetime import timedelta

from flask import Response, request

from shared.errors import Unauthenticated
from shared.services import operator_sessions
from web import cookies
from web.database import latest, transaction
from web.kit import kit

LASTS = timedelta(hours=1)
"""How long a browser counts as the operator's."""


def is_key(typed: str) -> bool:
    """Whether this is the operator key."""
    key = kit().settings.operator_key
    return key is not None and hmac.compare_digest(typed.encode(), key.encode())


def stay(response: Response) -> None:
    """Have the browser count as the operator's for a while."""
    with transaction() as session:
        token = operator_sessions.start(session, operator_key=_key(), ttl=LASTS)
    cookies.put(response, _cookie(), token, max_age=int(LASTS.total_seconds()))


def leave(response: Response) -> None:
    """End it, in this browser and for every copy of its cookie."""
    token = request.cookies.get(_cookie())
    if token:
        with transaction() as session:
            operator_sessions.end(session, token=token, operator_key=_key())
    cookies.drop(response, _cookie())


def here() -> bool:
    """Whether the request comes from a browser that counts as the operator's."""
    token, key = request.cookies.get(_cookie()), kit().settings.operator_key
    return bool(token and key) and operator_sessions.is_live(latest(), token=str(token), operator_key=str(key))


def require() -> None:
    """Raise `Unauthenticated` for any other browser."""
    if not here():
        raise Unauthenticated("This page is the operator's.", remedy="Sign in with the operator key.")


def _key() -> str:
    return kit().settings.operator_key or ""


def _cookie() -> str:
    return cookies.named("usher_operator")
