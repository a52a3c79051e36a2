"""What the team's pages ask for and take in."""

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
"""A field of a form that was left empty was left out."""


class TeamQuery(Body):
    """Which rows of the team: by words, by role, and members only or invitations that stand so."""

    q: Text | None = Field(default=None, max_length=200)
    role: Role | None = None
    state: Literal["members"] | Status | None = None
    cursor: str | None = Field(default=None, max_length=200)


class InviteForm(Body):
    """Whom to invite: addresses as they were pasted, a role for rows without one, a message for rows without one.

    Many are invited a portion at a time: `table` is the text of the file, `done` how many rows of it all are done, and
    `results` what came of them. What isn't text in them refuses its own row.
    """

    addresses: str = Field(default="", max_length=200_000)
    table: str = ""
    results: str = ""
    done: int = Field(default=0, ge=0, le=1000)
    role: Role
    message: Text | None = Field(default=None, max_length=1000)
    hours: Annotated[Hours | None, LeftEmpty] = None


class InvitationAction(StrEnum):
    """What can be done to an invitation from its row."""

    ROLE = "role"
    RESEND = "resend"
    REVOKE = "revoke"
    RELEASE = "release"
    REFUSE = "refuse"


class InvitationForm(Body):
    """What to do to an invitation."""

    action: InvitationAction
    role: Role | None = None
    reason: Text | None = Field(default=None, max_length=500)


class RemovalForm(Body):
    """The address of whoever is to be removed, typed to confirm it."""

    address: Text = Field(max_length=1000)


class ResultsForm(Body):
    """The result of each row, as CSV."""

    results: str


class AccountsQuery(Body):
    """Which of my accounts; `joined` is the one that was joined just now."""

    q: Text | None = Field(default=None, max_length=100)
    cursor: str | None = Field(default=None, max_length=200)
    joined: Text | None = Field(default=None, max_length=100)


class CursorQuery(Body):
    """Which page of a list."""

    cursor: str | None = Field(default=None, max_length=200)


class KeyForm(Body):
    """An API key to make."""

    name: Label
    role: Role
    last_day: Annotated[date | None, LeftEmpty] = None


class AuditQuery(CursorQuery):
    """Which events."""

    action: Text | None = Field(default=None, max_length=100)
    since: date | None = None


class SettingsForm(AccountChange):
    """An account's settings."""

    invitation_hours: Annotated[Hours | None, LeftEmpty] = None


class ExceptionForm(Body):
    """An exception that an account makes for itself."""

    effect: Effect
    subject: Subject
    value: Text = Field(min_length=1, max_length=320)
    reason: Text = Field(min_length=1, max_length=500)


class OperatorForm(Body):
    """The operator key, typed into a browser."""

    password: Text = Field(max_length=1000)
