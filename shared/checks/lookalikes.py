"""Domains that look like others: a slip of the finger next to a well-known name, or letters of another alphabet."""

import unicodedata
from functools import lru_cache

import idna

WELL_KNOWN = (
    *("gmail.com", "googlemail.com", "outlook.com", "hotmail.com", "yahoo.com", "icloud.com", "aol.com", "gmx.com"),
    *("gmx.de", "gmx.net", "web.de", "proton.me", "protonmail.com", "live.com", "msn.com", "yandex.com", "mail.ru"),
    *("microsoft.com", "google.com", "apple.com", "amazon.com"),
)

# Letters of other alphabets that nobody tells from Latin ones at a glance (Unicode's confusables, the single letters).
_LATIN_TWINS = dict(
    zip(
        "аасԁеһіјкӏмнорԛѕтυѵԝхузгαεικνορτυχωγ" + "ցօսհոցզ",
        "aacdehijklmhopqstuvwxy3raeiknoptuxwy" + "gouhngq",
        strict=True,
    )
)


@lru_cache(maxsize=4096)
def suggestion(domain: str) -> str | None:
    """The well-known domain that this is a single slip away from: a letter too many, too few, wrong or swapped."""
    return next((name for name in WELL_KNOWN if name != domain and _one_slip(domain, name)), None)


def latin_lookalike(domain: str) -> str | None:
    """The Latin domain that this one in another alphabet would be read as; None where it can't be mistaken."""
    shown = idna.decode(domain) if "xn--" in domain else domain
    if shown.isascii():
        return None
    twin = "".join(_LATIN_TWINS.get(sign, _without_marks(sign)) for sign in shown)
    return twin if twin.isascii() and any(sign in _LATIN_TWINS for sign in shown) else None


def other_spelling(domain: str) -> str | None:
    """How an internationalized domain is spelled in the other form: A-labels for letters, letters for A-labels."""
    if not domain.isascii():
        return domain.encode("idna").decode()
    if "xn--" not in domain:
        return None
    try:
        return domain.encode().decode("idna")
    except UnicodeError:
        return None


def local_twin(local: str) -> str | None:
    """The same for what comes before the @."""
    return latin_lookalike(local) if not local.isascii() else None


def has_twins(domain: str) -> bool:
    """Whether a domain has letters of another alphabet that look like Latin ones."""
    shown = domain if not domain.isascii() else other_spelling(domain) or ""
    return any(sign in _LATIN_TWINS for sign in shown if not sign.isascii())


def _without_marks(sign: str) -> str:
    return unicodedata.normalize("NFD", sign)[0]


def _one_slip(typed: str, meant: str) -> bool:
    if abs(len(typed) - len(meant)) > 1:
        return False
    start = next((at for at, pair in enumerate(zip(typed, meant, strict=False)) if pair[0] != pair[1]), None)
    if start is None:
        return True
    one, other = typed[start:], meant[start:]
    return one[1:] == other[1:] or one[1:] == other or one == other[1:] or _swapped(one, other)


def _swapped(one: str, other: str) -> bool:
    return one[:2] == other[1::-1] and one[2:] == other[2:]
