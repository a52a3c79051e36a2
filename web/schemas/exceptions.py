"""Exceptions from the lists, trials, and what people say when they decide."""

from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from shared.permissions import Role
from shared.policy import Effect, Subject
from web.schemas.base import Body, Email, Locale, Moment, Out, ReasonOut, Text
from web.schemas.invitations import CheckOut

Why = Annotated[Text, Field(min_length=1, max_length=500, description="Why, for whoever reads it later.")]


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
    effect: Effect
    subject: Subject
    value: str
    reason: str
    author: dict[str, Any]
    created_at: datetime
    ends_at: datetime | None


class ExceptionsOut(Out):
    """Exceptions, a page at a time, the oldest first."""

    data: list[ExceptionOut]
    next_cursor: str | None


class DecisionBody(Body):
    """Why a held invitation is released or refused."""

    reason: Why


class TrialRow(Body):
    """An invitation to try out."""

    email: Email
    role: Role


class TrialBody(Body):
    """One invitation to try out, as it would be sent, or up to 1,000."""

    email: Email | None = None
    role: Role | None = None
    message: Text | None = Field(default=None, max_length=1000)
    expires_in_hours: int | None = Field(default=None, ge=1, le=720)
    locale: Locale = "en"
    invitations: list[TrialRow] | None = Field(default=None, min_length=1, max_length=1000)

    @model_validator(mode="after")
    def _one_or_many(self) -> Self:
        one = self.email is not None and self.role is not None
        if one is (self.invitations is not None):
            raise ValueError("Send `email` and `role`, or `invitations`.")
        return self

    @property
    def rows(self) -> list[tuple[str, Role]]:
        """What is asked, in its order."""
        if self.email is not None and self.role is not None:
            return [(self.email, self.role)]
        return [(row.email, row.role) for row in self.invitations or ()]


class TrialOut(Out):
    """What would come of an invitation."""

    verdict: str
    reasons: list[ReasonOut]
    checks: list[CheckOut]


class TrialResult(TrialOut):
    """What would come of one of many; `index` says of which."""

    index: int


class TrialsOut(Out):
    """What would come of one invitation, or of each of many."""

    verdict: str | None = None
    reasons: list[ReasonOut] | None = None
    checks: list[CheckOut] | None = None
    results: list[TrialResult] | None = None
