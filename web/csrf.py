"""Keeps other sites from acting with a visitor's cookie: the browser's own word on where a request began, and a token.

A request that changes something and rides on a cookie has to come from this very origin (`Sec-Fetch-Site`, `Origin`),
and forms carry a token besides. Whoever sends a bearer token needs none of it: no browser adds that by itself.
"""

import hmac
import secrets
from urllib.parse import urlsplit

from flask import g, request

from shared.errors import Forged
from shared.tokens import Purpose, derive
from web import auth, cookies
from web.kit import kit

FIELD, HEADER = "csrf_token", "X-CSRF-Token"
_READING = frozenset({"GET", "HEAD", "OPTIONS"})


def token() -> str:
    """The token for this browser's forms, bound to a random cookie that is set with the answer."""
    if "csrf_token" not in g:
        g.csrf_seed = request.cookies.get(seed_cookie()) or secrets.token_urlsafe(24)
        g.csrf_token = derive(kit().settings.secret_keys[0], Purpose.FORM, g.csrf_seed, 0)
    made: str = g.csrf_token
    return made


def seed_cookie() -> str:
    """The name of the cookie that tokens are bound to."""
    return cookies.named("usher_form")


def refuse_forged() -> None:
    """Raise `Forged` for a request that another site may have made in the visitor's name."""
    if request.method in _READING or "HTTP_AUTHORIZATION" in request.environ:
        return
    is_form = not request.path.startswith("/v1/")
    if _from_elsewhere() or ((is_form or auth.caller().by_cookie) and not _has_token()):
        raise Forged(
            "The form is too old or didn't come from here. Nothing was changed.",
            permission="csrf",
            remedy="Go back, load the page again and send it once more.",
        )


def _from_elsewhere() -> bool:
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site not in {"same-origin", "none"}
    origin = request.headers.get("Origin")
    # Our own forms come from "null" where there is no TLS: the pages send no referrer, and browsers then hide both.
    if origin is None or origin == "null":
        return False
    ours = {urlsplit(kit().settings.public_url).netloc, request.host}
    return urlsplit(origin).netloc not in ours


def _has_token() -> bool:
    sent = request.headers.get(HEADER) or (request.form.get(FIELD) if request.form else None) or ""
    seed = request.cookies.get(seed_cookie(), "")
    keys = kit().settings.secret_keys
    return bool(seed) and any(
        hmac.compare_digest(sent.encode(), derive(key, Purpose.FORM, seed, 0).encode()) for key in keys
    )
