"""Exceptions from the lists, trials, and what people say when they decide."""

from datetime import datetime
from typing import Any

from pydantic import Field

from shared.policy import Effect, Subject
from web.schemas.base import Body, Moment, Out, Text
from web.schemas.reviews import Why


class ExceptionBody(Body):
    """An exception: `allow` passes what the lists refuse, `block` refuses, `only` leaves no other domains.

    A domain is meant exactly; with `*.` before it, all below it.
    """

    effect: Effect
    subject: Subject
    value: Text = Field(min_length=1, max_length=320, description="A domain, an address or a network.")
    reason: Why
    ends_at: Moment | None = Field(default=None, description="When it ends by itself.")


class ExceptionOut(Out):
    """An exception in force."""

    id: str
    account_id: str | None
    effect: Effect | str
    subject: Subject | str
    value: str
    reason: str
    author: dict[str, Any]
    created_at: datetime
    ends_at: datetime | None


class ExceptionsOut(Out):
    """Exceptions, a page at a time, the oldest first."""

    data: list[ExceptionOut]
    next_cursor: str | None
