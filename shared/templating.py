"""The templates' environment: HTML escaped, text not, a missing name an error; and how times and names are shown.

Names and messages come from people. Mail clients turn anything like an address into a link, so what people wrote is
shown with a space where a link would begin: an account named `evil.com` invites nobody to evil.com. A mail says the
same name and time several times, and so do its neighbours: the answers are kept, which halves the time of a rendering.
"""

from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from shared.visible_text import without_hidden, without_links

TEMPLATES = Path(__file__).resolve().parent.parent / "templates"

MAX_NAME = 80
"""Names are cut to this many characters in a mail."""


@lru_cache(maxsize=1024)
def moment(when: datetime) -> str:
    """A time written out for a reader anywhere: `Tuesday, 1 December 2026, 10:00 UTC`."""
    utc = when.astimezone(UTC)
    return f"{utc:%A}, {utc.day} {utc:%B %Y}, {utc:%H:%M} UTC"


@lru_cache(maxsize=64)
def harmless(text: str) -> str:
    """What a person wrote, without invisible characters and with nothing that a mail client makes a link of."""
    return without_links(without_hidden(text))


@lru_cache(maxsize=1024)
def name(text: str) -> str:
    """A name on one line, harmless and of bounded length."""
    line = harmless(" ".join(text.split()))
    return line if len(line) <= MAX_NAME else line[: MAX_NAME - 1].rstrip() + "…"


def environment() -> Environment:
    """A fresh environment over `templates/`."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters |= {"moment": moment, "harmless": harmless, "person": name}
    return made
