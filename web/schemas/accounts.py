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
    Field(ge=0, max_digits=14, decimal_places=2, description='A decimal, preferably as a string: "1000.00".'),
]


class AccountBody(Body):
    """An account to create."""

    name: Name


Hours = Annotated[int, Field(ge=1, le=720)]
"""The lifetime of an invitation in hours, up to 30 days."""


class AccountChange(Body):
    """Changes to an account. Fields that are left out stay unchanged."""

    name: Name | None = None
    lapsed_contract: LapsedContract | None = Field(
        default=None, description="What happens to pending invitations when the contract ends."
    )
    invitation_hours: Hours | None = Field(
        default=None,
        description="Lifetime of new invitations, in hours. Null for the default of the installation.",
    )

    def changes(self) -> dict[str, Any]:
        """Return the fields to change. Null counts only for `invitation_hours`."""
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
    """An amount in a currency (ISO 4217 code)."""

    amount: Amount
    currency: Annotated[str, Field(pattern=r"^[A-Za-z]{3}$"), AfterValidator(str.upper)]


class ContractBody(Body):
    """A committed monthly spend. `ends_on` is the last day in force."""

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
    """A committed monthly spend. `ends_on` is the last day in force."""

    monthly_commitment: MoneyOut
    starts_on: date
    ends_on: date


class EligibilityOut(Out):
    """An account's eligibility to invite people today, the reasons against it, and the contract on record."""

    eligible: bool
    reasons: list[ReasonOut]
    contract: ContractOut | None


class MemberQuery(PageQuery):
    """Filter of an account's members."""

    role: Role | None = None
    q: Text | None = Field(
        default=None,
        max_length=200,
        description="Beginnings of words in the name or the address. All words must match.",
    )


class PersonOut(Out):
    """A user as their colleagues see them."""

    id: str
    email: str
    name: str


class MemberOut(Out):
    """A member of an account."""

    id: str
    user: PersonOut
    role: Role | str
    joined_at: datetime
    last_seen_at: datetime | None


class MembersOut(Out):
    """A page of members, in the order in which they joined."""

    data: list[MemberOut]
    next_cursor: str | None


class RoleBody(Body):
    """The new role."""

    role: Role


class EndingKeyOut(Out):
    """An API key that would be revoked."""

    id: str
    name: str
    role: Role | str


class EndingInvitationOut(Out):
    """An open invitation that would be put on hold until another member takes it over."""

    id: str
    email: str
    role: Role | str


class RemovalOut(Out):
    """The consequences of removing a member, besides their access. A removal can't be undone."""

    member: MemberOut
    api_keys: list[EndingKeyOut]
    invitations: list[EndingInvitationOut]


class MembershipOut(MemberOut):
    """A membership with its account."""

    account: AccountRef


def contract_out(contract: Contract | Terms) -> dict[str, Any]:
    """Present a contract."""
    return {
        "monthly_commitment": {"amount": contract.amount, "currency": contract.currency},
        "starts_on": contract.starts_on,
        "ends_on": contract.ends_on,
    }


def member_out(membership: Membership, user: User) -> dict[str, Any]:
    """Present a membership with its user."""
    return {
        "id": membership.id,
        "user": user,
        "role": membership.role,
        "joined_at": membership.joined_at,
        "last_seen_at": membership.last_seen_at,
    }
