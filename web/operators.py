"""The operator in a browser: the key is typed once, and a short-lived cookie stands for it on the pages.

The cookie holds no key: it is an end and an HMAC over that end and the key's digest, so it dies with either. It opens
pages alone; calls of the API take the key itself.
"""

import hmac
import time

from flask import Response, request

from shared.errors import Unauthenticated
from shared.tokens import Purpose, derive, sha256
from web import cookies
from web.kit import kit

LASTS = 60 * 60
"""How long a browser counts as the operator's, in seconds."""


def is_key(typed: str) -> bool:
    """Whether this is the operator key."""
    key = kit().settings.operator_key
    return key is not None and hmac.compare_digest(typed.encode(), key.encode())


def stay(response: Response) -> None:
    """Have the browser count as the operator's for a while."""
    end = str(int(time.time()) + LASTS)
    cookies.put(response, _cookie(), f"{end}.{_seal(kit().settings.secret_keys[0], end)}", max_age=LASTS)


def leave(response: Response) -> None:
    """Have the browser forget it."""
    cookies.drop(response, _cookie())


def here() -> bool:
    """Whether the request comes from a browser that counts as the operator's."""
    end, _, seal = request.cookies.get(_cookie(), "").partition(".")
    if not (end.isascii() and end.isdigit()) or int(end) < time.time():
        return False
    return any(hmac.compare_digest(seal.encode(), _seal(key, end).encode()) for key in kit().settings.secret_keys)


def require() -> None:
    """Raise `Unauthenticated` for any other browser."""
    if not here():
        raise Unauthenticated("This page is the operator's.", remedy="Sign in with the operator key.")


def _seal(secret: str, end: str) -> str:
    digest = sha256(kit().settings.operator_key or "").hex()
    return derive(secret, Purpose.OPERATOR, f"{end}/{digest}", 0) if kit().settings.operator_key else "\0"


def _cookie() -> str:
    return cookies.named("usher_operator")
