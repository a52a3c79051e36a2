"""Dry runs of invitations."""

from typing import Self

from pydantic import Field, model_validator

from shared.permissions import Role
from web.schemas.base import Body, Email, Locale, Out, ReasonOut, Text
from web.schemas.invitations import CheckOut


class TrialRow(Body):
    """An invitation to check."""

    email: Email
    role: Role


class TrialBody(Body):
    """One invitation to check, with the fields of a real one, or up to 1,000."""

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
        """The invitations to check, in their order."""
        if self.email is not None and self.role is not None:
            return [(self.email, self.role)]
        return [(row.email, row.role) for row in self.invitations or ()]


class TrialOut(Out):
    """The result of a dry run: a verdict, its reasons, and each check."""

    verdict: str
    reasons: list[ReasonOut]
    checks: list[CheckOut]


class TrialResult(TrialOut):
    """The result of one of many invitations. `index` is its position in the request."""

    index: int


class TrialsOut(Out):
    """The result of one invitation, or of each of many."""

    verdict: str | None = None
    reasons: list[ReasonOut] | None = None
    checks: list[CheckOut] | None = None
    results: list[TrialResult] | None = None
