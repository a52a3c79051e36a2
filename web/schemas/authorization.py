"""Authorization checks and their results."""

from typing import Annotated

from pydantic import Field, RootModel, model_validator

from shared.permissions import Permission, Role
from web.schemas.base import Body, Out

# One regular expression, compiled by pydantic, because a thousand checks have two thousand ids.
Id = Annotated[str, Field(pattern=r"^[0-9A-Za-z_]{1,64}$")]


class Question(Body):
    """A check if a user has a permission in an account."""

    account_id: Id
    user_id: Id
    permission: Permission


class CheckBody(Body):
    """One check, or up to 1,000 as `checks`."""

    account_id: Id | None = None
    user_id: Id | None = None
    permission: Permission | None = None
    checks: list[Question] | None = Field(default=None, max_length=1000)

    @model_validator(mode="after")
    def _one_or_many(self) -> "CheckBody":
        one = (self.account_id, self.user_id, self.permission)
        if self.checks is None and None in one:
            raise ValueError("Give `account_id`, `user_id` and `permission`, or `checks`.")
        if self.checks is not None and one != (None, None, None):
            raise ValueError("Give either one question or `checks`.")
        return self

    @property
    def questions(self) -> list[Question]:
        """The requested checks, whether one or many."""
        if self.checks is None and self.account_id and self.user_id and self.permission:
            return [Question(account_id=self.account_id, user_id=self.user_id, permission=self.permission)]
        return self.checks or []


class DecisionOut(Out):
    """The result of a check: allowed or not, the user's role in the account, and the reason."""

    allowed: bool
    role: Role | str | None
    because: str


class DecisionsOut(Out):
    """The results, in the order of the checks."""

    results: list[DecisionOut]


class CheckOut(RootModel[DecisionOut | DecisionsOut]):
    """The result of one check, or of many."""
