"""The template environment: HTML is escaped, text isn't, a missing name is an error. Also formats times and names.

Names and messages come from people. Email clients turn anything like an address into a link, so user text gets a space
where a link would begin: an account named `evil.com` sends no one to evil.com. An email repeats the same names and
times, and so do the emails next to it. Caching them halves the rendering time.
"""

from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from shared.visible_text import without_hidden, without_links

TEMPLATES = Path(__file__).resolve().parent.parent / "templates"

MAX_NAME = 80
"""Maximum length of a name in an email, in characters."""


@lru_cache(maxsize=1024)
def moment(when: datetime) -> str:
    """Format a time for readers anywhere: `Tuesday, 1 December 2026, 10:00 UTC`."""
    utc = when.astimezone(UTC)
    return f"{utc:%A}, {utc.day} {utc:%B %Y}, {utc:%H:%M} UTC"


@lru_cache(maxsize=64)
def harmless(text: str) -> str:
    """User text without invisible characters and without anything that an email client would turn into a link."""
    return without_links(without_hidden(text))


@lru_cache(maxsize=1024)
def name(text: str) -> str:
    """A name on one line, harmless and of at most `MAX_NAME` characters."""
    line = harmless(" ".join(text.split()))
    return line if len(line) <= MAX_NAME else line[: MAX_NAME - 1].rstrip() + "…"


def environment() -> Environment:
    """Create an environment over `templates/`."""
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
