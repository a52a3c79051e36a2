"""The operator in a browser: the key is typed once, and a short-lived cookie stands for it on the pages.

The cookie is the token of a row, so signing out ends it wherever it was copied to, and another operator key ends all of
them. It opens pages alone; calls of the API take the key itself.
"""

import hmac
from datetime import timedelta

from flask import Response, request

from shared.accounts import operator_sessions
from shared.errors import Unauthenticated
from web.auth import cookies
from web.context import app_context
from web.database import autocommit_connection, transaction

LIFETIME_SECONDS = timedelta(hours=1)
"""How long a browser counts as the operator's."""


def is_key(typed: str) -> bool:
    """Whether this is the operator key."""
    key = app_context().settings.operator_key
    return key is not None and hmac.compare_digest(typed.encode(), key.encode())


def start(response: Response) -> None:
    """Have the browser count as the operator's for a while."""
    with transaction() as session:
        token = operator_sessions.start(session, operator_key=_key(), ttl=LIFETIME_SECONDS)
    cookies.put(response, _cookie(), token, max_age=int(LIFETIME_SECONDS.total_seconds()))


def end(response: Response) -> None:
    """End it, in this browser and for every copy of its cookie."""
    token = request.cookies.get(_cookie())
    if token:
        with transaction() as session:
            operator_sessions.end(session, token=token, operator_key=_key())
    cookies.drop(response, _cookie())


def is_active() -> bool:
    """Whether the request comes from a browser that counts as the operator's."""
    token, key = request.cookies.get(_cookie()), app_context().settings.operator_key
    return bool(token and key) and operator_sessions.is_live(
        autocommit_connection(), token=str(token), operator_key=str(key)
    )


def require() -> None:
    """Raise `Unauthenticated` for any other browser."""
    if not is_active():
        raise Unauthenticated("This page is the operator's.", remedy="Sign in with the operator key.")


def _key() -> str:
    return app_context().settings.operator_key or ""


def _cookie() -> str:
    return cookies.named("usher_operator")
