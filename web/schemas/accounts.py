"""Accounts, their contracts and their members."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, Field, PlainSerializer, model_validator

from shared.checks.contract import Terms
from shared.models import Contract, LapsedContract, Membership, User
from shared.permissions import Role
from web.schemas.base import Body, Day, Name, Out, PageQuery, ReasonOut, Text
from web.schemas.users import AccountRef

Amount = Annotated[
    Decimal,
    Field(ge=0, max_digits=14, decimal_places=2, description='A decimal, best as a string: "1000.00".'),
]


class AccountBody(Body):
    """An account to make, or its new name."""

    name: Name


Hours = Annotated[int, Field(ge=1, le=720)]
"""How long an invitation can be accepted: up to 30 days."""


class AccountChange(Body):
    """What to change of an account; what is left out stays."""

    name: Name | None = None
    lapsed_contract: LapsedContract | None = Field(
        default=None, description="What a lapsed contract does to pending invitations."
    )
    invitation_hours: Hours | None = Field(
        default=None,
        description="How long invitations can be accepted from now on; null for as long as the installation says.",
    )

    def changes(self) -> dict[str, Any]:
        """What was said, and nothing else: of these, only `invitation_hours` can be nothing."""
        values = self.model_dump(exclude_unset=True)
        return {field: value for field, value in values.items() if value is not None or field == "invitation_hours"}


class AccountOut(Out):
    """An account as its members see it."""

    id: str
    name: str
    lapsed_contract: LapsedContract | str
    invitation_hours: int | None
    created_at: datetime


class MoneyBody(Body):
    """An amount in a currency."""

    amount: Amount
    currency: Annotated[str, Field(pattern=r"^[A-Za-z]{3}$"), AfterValidator(str.upper)]


class ContractBody(Body):
    """A committed monthly spend; `ends_on` is the last day in force."""

    monthly_commitment: MoneyBody
    starts_on: Day
    ends_on: Day

    @model_validator(mode="after")
    def _in_order(self) -> "ContractBody":
        if self.ends_on < self.starts_on:
            raise ValueError("`ends_on` comes before `starts_on`.")
        if self.starts_on.year < 1970 or self.ends_on.year > 9000:
            raise ValueError("Years from 1970 to 9000.")
        return self


class MoneyOut(Out):
    """An amount in a currency, as a decimal string."""

    amount: Annotated[Decimal, PlainSerializer(lambda amount: f"{amount:.2f}", return_type=str)]
    currency: str


class ContractOut(Out):
    """A committed monthly spend; `ends_on` is the last day in force."""

    monthly_commitment: MoneyOut
    starts_on: date
    ends_on: date


class EligibilityOut(Out):
    """Whether the account may invite today, why not, and the contract on record."""

    eligible: bool
    reasons: list[ReasonOut]
    contract: ContractOut | None


class MemberQuery(PageQuery):
    """Which members."""

    role: Role | None = None
    q: Text | None = Field(
        default=None,
        max_length=200,
        description="The beginning of a word of the name or the address; several words narrow it down.",
    )


class PersonOut(Out):
    """A person as their colleagues see them."""

    id: str
    email: str
    name: str


class MemberOut(Out):
    """A person's place in an account."""

    id: str
    user: PersonOut
    role: Role | str
    joined_at: datetime
    last_seen_at: datetime | None


class MembersOut(Out):
    """Members, a page at a time, in the order in which they joined."""

    data: list[MemberOut]
    next_cursor: str | None


class RoleBody(Body):
    """The role to have from now on."""

    role: Role


class EndingKeyOut(Out):
    """A key that would end."""

    id: str
    name: str
    role: Role | str


class EndingInvitationOut(Out):
    """An open invitation that would be held until somebody else answers for it."""

    id: str
    email: str
    role: Role | str


class RemovalOut(Out):
    """What removing a member would end, beside their access: it can't be undone."""

    member: MemberOut
    api_keys: list[EndingKeyOut]
    invitations: list[EndingInvitationOut]


class MembershipOut(MemberOut):
    """A membership, with the account it is in."""

    account: AccountRef


def contract_out(contract: Contract | Terms) -> dict[str, Any]:
    """A contract as callers see it."""
    return {
        "monthly_commitment": {"amount": contract.amount, "currency": contract.currency},
        "starts_on": contract.starts_on,
        "ends_on": contract.ends_on,
    }


def member_out(membership: Membership, user: User) -> dict[str, Any]:
    """A membership with the person it is of."""
    return {
        "id": membership.id,
        "user": user,
        "role": membership.role,
        "joined_at": membership.joined_at,
        "last_seen_at": membership.last_seen_at,
    }
