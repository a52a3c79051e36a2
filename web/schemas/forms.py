"""The queries and forms of the pages."""

from datetime import date
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from shared.models import Status
from shared.permissions import Role
from shared.policy import Effect, Subject
from web.schemas.accounts import AccountChange, Hours
from web.schemas.base import Body, Label, Text

LeftEmpty = BeforeValidator(lambda typed: typed or None)
"""Treats an empty form field as left out."""


class TeamQuery(Body):
    """Filter of the team's rows: by words, by role, and to members only or invitations with a status."""

    q: Text | None = Field(default=None, max_length=200)
    role: Role | None = None
    state: Literal["members"] | Status | None = None
    cursor: str | None = Field(default=None, max_length=200)


class InviteForm(Body):
    """An invitation form: pasted addresses, and the role and message for rows without their own.

    A script sends long lists in portions: `table` is the text of the file, `done` the number of rows already invited,
    and `results` their results as CSV. Characters that aren't text make only their own row invalid.
    """

    addresses: str = Field(default="", max_length=200_000)
    table: str = ""
    results: str = ""
    done: int = Field(default=0, ge=0, le=1000)
    role: Annotated[Role | None, LeftEmpty] = None
    message: Text | None = Field(default=None, max_length=1000)
    hours: Annotated[Hours | None, LeftEmpty] = None


class InvitationAction(StrEnum):
    """An action on an invitation in its row of the team."""

    ROLE = "role"
    RESEND = "resend"
    REVOKE = "revoke"
    RELEASE = "release"
    REFUSE = "refuse"


class InvitationForm(Body):
    """An action on an invitation."""

    action: InvitationAction
    role: Role | None = None
    reason: Text | None = Field(default=None, max_length=500)


class RemovalForm(Body):
    """The email address of the member to remove, typed as confirmation."""

    address: Text = Field(max_length=1000)


class ResultsForm(Body):
    """The result of each row, as CSV."""

    results: str


class AccountsQuery(Body):
    """Filter of the visitor's accounts. `joined` is the account that they have just joined."""

    q: Text | None = Field(default=None, max_length=100)
    cursor: str | None = Field(default=None, max_length=200)
    joined: Text | None = Field(default=None, max_length=100)


class CursorQuery(Body):
    """The page of a list."""

    cursor: str | None = Field(default=None, max_length=200)


class KeyForm(Body):
    """An API key to create."""

    name: Label
    role: Role
    last_day: Annotated[date | None, LeftEmpty] = None


class AuditQuery(CursorQuery):
    """Filter of audit events."""

    action: Text | None = Field(default=None, max_length=100)
    since: date | None = None


class SettingsForm(AccountChange):
    """An account's settings."""

    invitation_hours: Annotated[Hours | None, LeftEmpty] = None


class ExceptionForm(Body):
    """An exception that an account adds for itself."""

    effect: Effect
    subject: Subject
    value: Text = Field(min_length=1, max_length=320)
    reason: Text = Field(min_length=1, max_length=500)


class OperatorForm(Body):
    """The operator key, entered in a browser."""

    password: Text = Field(max_length=1000)
