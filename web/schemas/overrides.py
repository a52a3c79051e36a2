"""Exceptions from the domain and network lists."""

from datetime import datetime
from typing import Any

from pydantic import Field

from shared.policy import Effect, Subject
from web.schemas.base import Body, Moment, Out, Text
from web.schemas.reviews import Why


class ExceptionBody(Body):
    """An exception: `allow` passes what the lists refuse, `block` refuses, `only` refuses all other domains.

    A domain matches exactly. With a leading `*.` it matches all of its subdomains. A blocked domain also matches its
    subdomains.
    """

    effect: Effect
    subject: Subject
    value: Text = Field(min_length=1, max_length=320, description="A domain, an address or a network.")
    reason: Why
    ends_at: Moment | None = Field(default=None, description="When the exception expires.")


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
    """A page of exceptions, oldest first."""

    data: list[ExceptionOut]
    next_cursor: str | None
