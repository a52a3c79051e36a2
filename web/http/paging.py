"""Lists by cursor: the cursor is the last id that was shown, so that a deep page costs what the first one does."""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from shared.errors import Invalid

Row = TypeVar("Row")


def decode(cursor: str | None) -> str | None:
    """The id behind a cursor; raises `Invalid` for one that was not made here."""
    if cursor is None:
        return None
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
    except (binascii.Error, UnicodeError, ValueError):
        text = "\0"
    if not text.isprintable():
        raise _not_ours()
    return text


def decode_number(cursor: str | None) -> int:
    """The number behind a cursor of a list that is in the order of numbers; 0 for its beginning."""
    text = decode(cursor) or "0"
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise _not_ours()
    return int(text)


def page(rows: Sequence[Row], *, limit: int, key: Callable[[Row], str]) -> dict[str, Any]:
    """A page of `limit` rows of which one more was fetched, to know whether there is a next."""
    shown = rows[:limit]
    more = len(rows) > limit
    return {
        "data": shown,
        "next_cursor": base64.urlsafe_b64encode(key(shown[-1]).encode()).decode().rstrip("=") if more else None,
    }


def _not_ours() -> Invalid:
    return Invalid([("cursor", "Not a cursor of ours; send `next_cursor` of the page before as it was.")])
