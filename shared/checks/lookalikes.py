"""Detection of lookalike domains: typos of well-known names, and lookalike letters of other alphabets."""

import unicodedata
from functools import lru_cache

import idna

WELL_KNOWN = (
    *("gmail.com", "googlemail.com", "outlook.com", "hotmail.com", "yahoo.com", "icloud.com", "aol.com", "gmx.com"),
    *("gmx.de", "gmx.net", "web.de", "proton.me", "protonmail.com", "live.com", "msn.com", "yandex.com", "mail.ru"),
    *("microsoft.com", "google.com", "apple.com", "amazon.com"),
)

# Characters of other alphabets that look Latin (the single characters of Unicode's confusables).
_LATIN_TWINS = dict(
    zip(
        "аасԁеһіјкӏмнорԛѕтυѵԝхузгαεικνορτυχωγ" + "ցօսհոցզ",
        "aacdehijklmhopqstuvwxy3raeiknoptuxwy" + "gouhngq",
        strict=True,
    )
)


@lru_cache(maxsize=4096)
def suggestion(domain: str) -> str | None:
    """The well-known domain that is one typo away: a character added, missing, wrong or swapped.

    None if there is none.
    """
    return next((name for name in WELL_KNOWN if name != domain and _one_slip(domain, name)), None)


def latin_lookalike(domain: str) -> str | None:
    """The Latin domain that a reader would take this one for, or None if they can't confuse it."""
    shown = idna.decode(domain) if "xn--" in domain else domain
    if shown.isascii():
        return None
    twin = "".join(_LATIN_TWINS.get(sign, _without_marks(sign)) for sign in shown)
    return twin if twin.isascii() and any(sign in _LATIN_TWINS for sign in shown) else None


def other_spelling(domain: str) -> str | None:
    """The other spelling of an internationalized domain

    A-labels of Unicode, or Unicode of A-labels. None without one.
    """
    if not domain.isascii():
        return domain.encode("idna").decode()
    if "xn--" not in domain:
        return None
    try:
        return domain.encode().decode("idna")
    except UnicodeError:
        return None


def local_twin(local: str) -> str | None:
    """The Latin text that a reader would take this local part for, or None."""
    return latin_lookalike(local) if not local.isascii() else None


def has_twins(domain: str) -> bool:
    """Return True if the domain has characters of another alphabet that look Latin."""
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
