"""The secret of a new API key, shown for a minute on the page that its form redirects to.

The secret is derived from one of SECRET_KEYS, the form's random token and this browser's cookie, and is never stored:
the page derives it again. A short-lived cookie carries the form's token there. It is useless by itself. The minute is
for a double click: the second press cancels the page that the first one loads, and only loads the next one.
"""

from dataclasses import dataclass
from datetime import timedelta

from flask import Response, request

from shared.accounts import api_keys
from shared.tokens import Purpose, derive
from web.auth import cookies, csrf
from web.context import app_context
from web.database import transaction
from web.ui import form_once
from web.ui.form_once import Press

_KEPT = 10 * 60
"""Seconds until the secret can no longer be shown."""

_SHOWN_FOR = timedelta(minutes=1)
"""How long the secret is shown again after the first time, to the same browser."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A new key on the page: its secret, or None if it has already been shown."""

    secret: str | None


def secret() -> str:
    """Return the secret of the key that the current form creates."""
    return _secrets(form_once.handle(), csrf.nonce())[0]


def keep(response: Response, press: Press) -> None:
    """Set the cookie with which the next page derives the secret."""
    cookies.put(response, _cookie(), f"{press.handle}.{csrf.nonce()}", max_age=_KEPT)


def take(account_id: str) -> Shown | None:
    """Return the secret of the key that this browser has just created in the account; None without such a key."""
    handle, _, nonce = request.cookies.get(_cookie(), "").partition(".")
    press = form_once.find(handle) if nonce and request.method == "GET" else None
    if press is None:
        return None
    with transaction() as session:
        found = api_keys.matching(
            session, account_id=account_id, key_id=str(press.outcome), secrets=_secrets(handle, nonce)
        )
        if found is None:
            return None
        return Shown(found if form_once.spend(press, window=_SHOWN_FOR) else None)


def forget_soon(response: Response) -> None:
    """Have the browser ask for the secret no longer than it is shown."""
    value = request.cookies.get(_cookie(), "")
    cookies.put(response, _cookie(), value, max_age=int(_SHOWN_FOR.total_seconds()))


def forget(response: Response) -> None:
    """Delete that cookie."""
    cookies.drop(response, _cookie())


def _secrets(handle: str, nonce: str) -> list[str]:
    subject = f"{csrf.seed()}/{nonce}/{handle}"
    return [api_keys.PREFIX + derive(key, Purpose.API_KEY, subject, 0) for key in app_context().settings.secret_keys]


def _cookie() -> str:
    return cookies.named("usher_new_key")
