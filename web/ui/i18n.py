"""The reader's language and clock: catalogues of what pages say, times in their zone, numbers as they write them.

Catalogues are gettext's `.po` files and are read as they are: there is nothing to compile. Babel does all of it;
Flask-Babel around it would look for compiled files and bring a second library of time zones.
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
"""The languages that all pages are in, by their own names; the templates themselves are in the first."""

CATALOGUES = Path(__file__).resolve().parent.parent / "translations"

ZONE = "usher_zone"
"""The cookie in which a script of ours tells the browser's time zone."""


def N_(text: str) -> str:  # noqa: N802 - gettext's own name for a text that is translated where it is shown
    """Mark a text for the catalogues."""
    return text


def register(app: Flask) -> None:
    """Have pages speak the reader's language."""
    jinja = app.jinja_env
    jinja.add_extension("jinja2.ext.i18n")
    install: Callable[..., None] = jinja.install_gettext_callables  # type: ignore[attr-defined]
    install(translated, counted, newstyle=True)
    jinja.globals |= {"languages": NAMES, "spoken": language}
    jinja.filters |= {"moment": moment, "date": date_of, "day": day, "number": number, "lasting": lasting}


def language() -> str:
    """The reader's language: what they chose for themselves, else what their browser prefers of ours."""
    if "spoken" not in g:
        me = visitor.signed_in_user()
        chosen = me.locale.partition("-")[0] if me else ""
        g.spoken = chosen if chosen in NAMES else request.accept_languages.best_match(NAMES, "en")
    found: str = g.spoken
    return found


def translated(text: str) -> str:
    """The text in the reader's language, as its catalogue has it; in English where it has none."""
    return str(_catalogue().ugettext(text))


def counted(one: str, many: str, count: int) -> str:
    """The text for one or the one for many, as the reader's language counts."""
    return str(_catalogue().ungettext(one, many, count))


def moment(when: datetime) -> str:
    """A time by the reader's clock; where the browser hasn't told its zone, the clock is UTC, and it says so."""
    return _moment(when, _zone(), language())


def date_of(when: datetime) -> str:
    """The day of a time, by the reader's clock."""
    return _day(when.astimezone(_zone() or UTC).date(), language())


def day(when: date) -> str:
    """A day as the reader writes it."""
    return _day(when, language())


def lasting(span: timedelta) -> str:
    """A span as people say it: in days where it is whole ones, else in hours."""
    if span % timedelta(days=1):
        hours = round(span / timedelta(hours=1))
        return counted("%(num)d hour", "%(num)d hours", hours) % {"num": hours}
    return counted("%(num)d day", "%(num)d days", span.days) % {"num": span.days}


def number(amount: float) -> str:
    """A number as the reader writes it."""
    return format_decimal(amount, locale=language())


# A list shows the same days over and over, and writing one out costs more than all else of its row.
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
