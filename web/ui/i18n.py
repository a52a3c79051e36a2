"""The reader's language and clock: translations of the pages, times in the reader's zone, numbers in their notation.

Catalogues are gettext `.po` files, read directly, so there is no compile step. Babel does all of it; Flask-Babel would
look for compiled files and add a second time zone library.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import cache, lru_cache
from io import BytesIO
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel.dates import format_date, format_datetime
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal
from babel.support import NullTranslations, Translations
from flask import Flask, g, request

from web.ui import visitor

NAMES = {"en": "English", "de": "Deutsch", "es": "Español"}
"""The languages of the pages, by their own names. The templates themselves are in the first one."""

CATALOGUES = Path(__file__).resolve().parent.parent / "translations"

ZONE = "usher_zone"
"""The cookie in which our script stores the browser's time zone."""


def N_(text: str) -> str:  # noqa: N802 - gettext's own name for a text that is translated where it is shown
    """Mark a text for translation."""
    return text


def register(app: Flask) -> None:
    """Register the translation functions and filters with the templates."""
    jinja = app.jinja_env
    jinja.add_extension("jinja2.ext.i18n")
    install: Callable[..., None] = jinja.install_gettext_callables  # type: ignore[attr-defined]
    install(translated, counted, newstyle=True)
    jinja.globals |= {"languages": NAMES, "spoken": language}
    jinja.filters |= {"moment": moment, "date": date_of, "day": day, "number": number, "lasting": lasting}


def language() -> str:
    """Return the reader's language: the one in their profile, otherwise the best match for their browser."""
    if "spoken" not in g:
        me = visitor.signed_in_user()
        chosen = me.locale.partition("-")[0] if me else ""
        g.spoken = chosen if chosen in NAMES else request.accept_languages.best_match(NAMES, "en")
    found: str = g.spoken
    return found


def translated(text: str) -> str:
    """Translate a text to the reader's language; English if there is no translation."""
    return str(_catalogue().ugettext(text))


def counted(one: str, many: str, count: int) -> str:
    """Translate a text with the plural form for this count."""
    return str(_catalogue().ungettext(one, many, count))


def moment(when: datetime) -> str:
    """Format a time in the reader's time zone. If the browser's zone is unknown, the time is in UTC and says so."""
    return _moment(when, _zone(), language())


def date_of(when: datetime) -> str:
    """Format the day of a time in the reader's time zone."""
    return _day(when.astimezone(_zone() or UTC).date(), language())


def day(when: date) -> str:
    """Format a day in the reader's language."""
    return _day(when, language())


def lasting(span: timedelta) -> str:
    """Format a duration: in days if they are whole, otherwise in hours."""
    if span % timedelta(days=1):
        hours = round(span / timedelta(hours=1))
        return counted("%(num)d hour", "%(num)d hours", hours) % {"num": hours}
    return counted("%(num)d day", "%(num)d days", span.days) % {"num": span.days}


def number(amount: float) -> str:
    """Format a number in the reader's language."""
    return format_decimal(amount, locale=language())


# A list shows the same days repeatedly, and formatting one costs more than the rest of its row.
@lru_cache(maxsize=4096)
def _moment(when: datetime, zone: ZoneInfo | None, tag: str) -> str:
    written = format_datetime(when, "medium", tzinfo=zone or UTC, locale=tag)
    return written if zone else f"{written} UTC"


@lru_cache(maxsize=4096)
def _day(when: date, tag: str) -> str:
    return format_date(when, "medium", locale=tag)


def _zone() -> ZoneInfo | None:
    return _zone_of(request.cookies.get(ZONE, ""))


@lru_cache(maxsize=1000)
def _zone_of(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, ZoneInfoNotFoundError):
        return None


def _catalogue() -> NullTranslations:
    return _read(language())


@cache
def _read(tag: str) -> NullTranslations:
    file = CATALOGUES / f"{tag}.po"
    if not file.exists():
        return NullTranslations()
    compiled = BytesIO()
    with file.open("rb") as source:
        write_mo(compiled, read_po(source, locale=tag))
    compiled.seek(0)
    return Translations(compiled)
