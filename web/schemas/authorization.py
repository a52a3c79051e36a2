"""Questions about what a user may do, and the answers."""

from typing import Annotated

from pydantic import Field, RootModel, model_validator

from shared.permissions import Permission, Role
from web.schemas.base import Body, Out

# One pattern, which pydantic compiles: a thousand questions have two thousand ids.
Id = Annotated[str, Field(pattern=r"^[0-9A-Za-z_]{1,64}$")]


class Question(Body):
    """May this user do this in this account?"""

    account_id: Id
    user_id: Id
    permission: Permission


class CheckBody(Body):
    """One question, or up to 1,000 of them as `checks`."""

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
        """The questions, be it one or many."""
        if self.checks is None and self.account_id and self.user_id and self.permission:
            return [Question(account_id=self.account_id, user_id=self.user_id, permission=self.permission)]
        return self.checks or []


class DecisionOut(Out):
    """Whether it is allowed, the user's role in the account, and the ground in words."""

    allowed: bool
    role: Role | str | None
    because: str


class DecisionsOut(Out):
    """The answers, in the order of the questions."""

    results: list[DecisionOut]


class CheckOut(RootModel[DecisionOut | DecisionsOut]):
    """The answer to one question, or to many."""
