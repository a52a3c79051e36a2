"""Protection against cross-site request forgery, by the browser's own headers and by a token.

A request that changes something with a cookie has to come from this origin (`Sec-Fetch-Site`, `Origin`), and forms
carry a token as well. API calls with a bearer token need neither, since browsers never add one by themselves. Any other
`Authorization` header makes no difference.
"""

import hmac
import secrets
from urllib.parse import urlsplit

from flask import g, request

from shared.errors import Forged
from shared.tokens import Purpose, derive
from web.auth import cookies, identity
from web.context import app_context

SEED_KEPT = 30 * 24 * 60 * 60
"""Lifetime in seconds of the cookie that tokens are bound to: as long as an invitation can be open."""

FIELD, HEADER = "csrf_token", "X-CSRF-Token"
_READING = frozenset({"GET", "HEAD", "OPTIONS"})


def token() -> str:
    """Return the token for this page's forms. It is new on each page and bound to a random cookie set with the
    response.

    Since it is new on each page, it also identifies one submission of a form; see `web.ui.form_once`.
    """
    if "csrf_token" not in g:
        g.csrf_seed = request.cookies.get(seed_cookie()) or secrets.token_urlsafe(24)
        nonce = secrets.token_urlsafe(16)
        g.csrf_token = f"{nonce}.{_seal(app_context().settings.secret_keys[0], g.csrf_seed, nonce)}"
    made: str = g.csrf_token
    return made


def seed() -> str:
    """Return the seed that this browser's tokens are bound to; empty before its first form."""
    return request.cookies.get(seed_cookie(), "")


def seed_cookie() -> str:
    """Return the name of the cookie that tokens are bound to."""
    return cookies.named("usher_form")


def refuse_forged() -> None:
    """Raise `Forged` for a request that another site may have sent on the visitor's behalf."""
    is_form = not request.path.startswith("/v1/")
    if request.method in _READING or (identity.shows_bearer() and not is_form):
        return
    if _from_elsewhere() or ((is_form or identity.credential().by_cookie) and not _has_token()):
        raise Forged(
            "The form is too old or didn't come from here. Nothing was changed.",
            permission="csrf",
            remedy="Go back, load the page again and send it once more.",
        )


def lost_seed() -> bool:
    """Whether this browser has lost the cookie that its forms' tokens are bound to, as when all cookies are deleted."""
    return bool(_sent()) and not seed() and not _from_elsewhere()


def _from_elsewhere() -> bool:
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site not in {"same-origin", "none"}
    origin = request.headers.get("Origin")
    # Without TLS our own forms send "null": the pages send no referrer, and browsers then hide the origin too.
    if origin is None or origin == "null":
        return False
    ours = {urlsplit(app_context().settings.public_url).netloc, request.host}
    return urlsplit(origin).netloc not in ours


def nonce() -> str:
    """Return the random part of the submitted form's token."""
    return _sent().partition(".")[0]


def _sent() -> str:
    return request.headers.get(HEADER) or (request.form.get(FIELD) if request.form else None) or ""


def _has_token() -> bool:
    nonce, _, seal = _sent().partition(".")
    bound_to, keys = seed(), app_context().settings.secret_keys
    return bool(bound_to) and any(
        hmac.compare_digest(seal.encode(), _seal(key, bound_to, nonce).encode()) for key in keys
    )


def _seal(key: str, bound_to: str, nonce: str) -> str:
    return derive(key, Purpose.FORM, f"{bound_to}/{nonce}", 0)
