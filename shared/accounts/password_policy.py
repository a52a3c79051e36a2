"""The policy for new passwords. It refuses those that attackers try first.

zxcvbn estimates the number of guesses that a password withstands, with the user's own words in its dictionaries. An
optional range query (BREACHED_PASSWORDS_URL, k-anonymity) finds breached passwords. Only the first five hexadecimal
digits of the password's SHA-1 leave this service.
"""

import hashlib
import re
from collections.abc import Sequence
from http.client import HTTPException
from typing import Any
from urllib.request import Request, urlopen

from zxcvbn import zxcvbn

from shared.accounts import passwords
from shared.errors import PasswordCommon
from shared.observability import log
from shared.settings.settings import Settings

COMMON = "This password is too common. Use a few random words or a password manager."
PATTERN = "This password is easy to guess: it repeats or follows a pattern. Use a few random words."
PERSONAL = "This password contains your name, your email address or the name of this product. Choose another one."
BREACHED = "This password has appeared in a data breach. Choose another one."
SENTENCES = (COMMON, PATTERN, PERSONAL, BREACHED)
"""Reasons for refusing a password, as shown to people."""

_PRODUCT = ("usher", "invite", "invitation")
# The cost of an estimate grows faster than the length, and fastest with signs that can replace several characters.
# These two limits keep it under about 100 ms. Only the beginning of a longer password is estimated.
_JUDGED, _SIGNS = 32, frozenset("!$%(+<@[{|")
_MOST_SIGNS = 3
_GUESSES, _GUESSES_PERSONAL = 10**8, 10**10
"""Minimum guesses to withstand (zxcvbn scores 3 and 4). Passwords with the user's own words need the higher one."""

_TIMEOUT_SECONDS, _LARGEST = 2.0, 512 * 1024


def chosen(password: str, *, about: Sequence[str], settings: Settings, field: str = "password") -> str:
    """Check a new password and return the hash to store. `about` has the user's name and address.

    Raises `PasswordCommon` for the form field `field`. Slow: don't call it inside a transaction.
    """
    refuse_common(password, about=about, field=field)
    if settings.breached_passwords_url is not None and _is_breached(password, settings.breached_passwords_url):
        raise PasswordCommon(BREACHED, field=field)
    return passwords.hash_password(password)


def refuse_common(password: str, *, about: Sequence[str], field: str = "password") -> None:
    """Raise `PasswordCommon` for a password that is easy to guess, or that consists of the user's own words."""
    own = [word for text in about for word in re.split(r"[\W_]+", text.casefold()) if len(word) > 2]
    found = zxcvbn(_judged(password), user_inputs=[*own, *_PRODUCT])
    parts: Sequence[dict[str, Any]] = found["sequence"]
    kinds = [part.get("dictionary_name") or part["pattern"] for part in parts]
    if "user_inputs" in kinds and found["guesses"] < _GUESSES_PERSONAL:
        raise PasswordCommon(PERSONAL, field=field)
    if found["guesses"] < _GUESSES:
        raise PasswordCommon(COMMON if "passwords" in kinds else PATTERN, field=field)


def _judged(password: str) -> str:
    part = password[:_JUDGED]
    if len(_SIGNS.intersection(part)) <= _MOST_SIGNS:
        return part
    return "".join("." if sign in _SIGNS else sign for sign in part)


def _is_breached(password: str, url: str) -> bool:
    digest = hashlib.sha1(password.encode(), usedforsecurity=False).hexdigest().upper()
    request = Request(  # noqa: S310 - the settings allow http and https only
        url.rstrip("/") + "/" + digest[:5], headers={"Add-Padding": "true", "User-Agent": "usher"}
    )
    try:
        with urlopen(request, timeout=_TIMEOUT_SECONDS) as answer:  # noqa: S310
            lines = answer.read(_LARGEST).decode("ascii", "replace").splitlines()
    except (OSError, HTTPException, ValueError) as error:
        # An outage of this service must not block sign-ups. The query is an extra check on top of the policy.
        log.get(__name__).warning("breached passwords not checked", error=type(error).__name__)
        return False
    # The service pads its answer with entries that have a count of 0.
    found = {suffix.strip().upper(): count.strip() for suffix, _, count in (line.partition(":") for line in lines)}
    return bool(found.get(digest[5:], "0") != "0")
