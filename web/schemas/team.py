"""What the team's pages ask for and take in."""

from enum import StrEnum
from typing import Literal

from pydantic import Field

from shared.models import Status
from shared.permissions import Role
from web.schemas.base import Body, Text


class TeamQuery(Body):
    """Which rows of the team: by words, by role, and members only or invitations that stand so."""

    q: Text | None = Field(default=None, max_length=200)
    role: Role | None = None
    state: Literal["members"] | Status | None = None
    cursor: str | None = Field(default=None, max_length=200)


class InviteForm(Body):
    """Whom to invite: addresses as they were pasted, a role and a personal word for all of them."""

    addresses: Text = Field(default="", max_length=200_000)
    role: Role
    message: Text | None = Field(default=None, max_length=1000)
    hours: int | None = Field(default=None, ge=1, le=720)


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
