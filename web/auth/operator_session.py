"""The operator's browser session: the key is entered once, and a short-lived cookie replaces it on the pages.

The cookie is the token of a database row, so signing out ends every copy of it, and changing the operator key ends all
sessions. It is valid for pages only. API calls take the key itself.
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
"""Lifetime of the operator's browser session."""


def is_key(typed: str) -> bool:
    """Return True if this is the operator key. Compares in constant time."""
    key = app_context().settings.operator_key
    return key is not None and hmac.compare_digest(typed.encode(), key.encode())


def start(response: Response) -> None:
    """Start an operator session in this browser."""
    with transaction() as session:
        token = operator_sessions.start(session, operator_key=_key(), ttl=LIFETIME_SECONDS)
    cookies.put(response, _cookie(), token, max_age=int(LIFETIME_SECONDS.total_seconds()))


def end(response: Response) -> None:
    """End the session, in this browser and for every copy of its cookie."""
    token = request.cookies.get(_cookie())
    if token:
        with transaction() as session:
            operator_sessions.end(session, token=token, operator_key=_key())
    cookies.drop(response, _cookie())


def is_active() -> bool:
    """Return True if the request comes from a browser with a live operator session."""
    token, key = request.cookies.get(_cookie()), app_context().settings.operator_key
    return bool(token and key) and operator_sessions.is_live(
        autocommit_connection(), token=str(token), operator_key=str(key)
    )


def require() -> None:
    """Raise `Unauthenticated` without a live operator session."""
    if not is_active():
        raise Unauthenticated("This page is the operator's.", remedy="Sign in with the operator key.")


def _key() -> str:
    return app_context().settings.operator_key or ""


def _cookie() -> str:
    return cookies.named("usher_operator")
