"""Invitations, from both ends."""

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from shared.email_address import masked
from shared.invitations.create import CreatedInvitation
from shared.invitations.invitee import Offer
from shared.invitations.link_requests import LinkRequest
from shared.models import Delivery, Invitation, Status
from shared.permissions import Role, in_words
from web.schemas.accounts import Hours, MembershipOut
from web.schemas.base import Body, Email, Locale, Name, NewPassword, Out, PageQuery, ReasonOut, Text, Token


class InviteBody(Body):
    """Whom to invite, to which role. The owner's role can't be given."""

    email: Email
    role: Role
    message: Text | None = Field(default=None, max_length=1000, description="A personal word, shown in the mail.")
    expires_in_hours: Hours | None = Field(
        default=None, description="How long it can be accepted; else as the account says, or the installation."
    )
    locale: Locale = "en"


class InvitationQuery(PageQuery):
    """Which invitations."""

    status: Status | None = None
    delivery: Delivery | None = None
    q: Text | None = Field(default=None, max_length=200, description="A part of the address.")

    @property
    def narrows(self) -> bool:
        """Whether not all are asked for."""
        return bool(self.status or self.delivery or self.q)


class CheckOut(Out):
    """What one check said, by which data."""

    check: str
    verdict: str
    reasons: list[ReasonOut]
    data: dict[str, Any]
    checked_at: datetime


class InvitationOut(Out):
    """An invitation as its account sees it. `delivery` is what the mail system said, apart from `status`."""

    id: str
    account_id: str
    email: str
    role: Role | str
    status: Status | str
    delivery: Delivery | str
    invited_by: str
    message: str | None
    created_at: datetime
    expires_at: datetime
    sent_count: int
    last_sent_at: datetime | None
    checks: list[CheckOut]
    accepted_at: datetime | None


class InvitationsOut(Out):
    """Invitations, a page at a time, the newest first."""

    data: list[InvitationOut]
    next_cursor: str | None


class EventOut(Out):
    """One thing that happened."""

    id: str
    action: str
    actor: dict[str, Any]
    at: datetime
    request_id: str | None
    data: dict[str, Any]


class EventsOut(Out):
    """A timeline, a page at a time, the oldest first."""

    data: list[EventOut]
    next_cursor: str | None


class NamedOut(Out):
    """Something by its name."""

    name: str


class InviterOut(Out):
    """Who invites."""

    name: str
    email: str


class OfferOut(Out):
    """What a link offers, as far as its holder may know; `email` is masked."""

    account: NamedOut
    inviter: InviterOut
    role: Role | str
    permissions: list[str] = Field(description="What the role may do, in words.")
    email: str
    message: str | None
    expires_at: datetime
    user_exists: bool = Field(description="Whether there is a user to sign in as.")


class AcceptBody(Body):
    """Acceptance: by whoever is signed in, or with a name and a password to sign up with."""

    token: Token
    name: Name | None = None
    password: NewPassword | None = None


class AcceptedOut(Out):
    """The membership; `token` signs in whoever has just signed up."""

    membership: MembershipOut
    token: str | None = None


class AskedOut(Out):
    """Who was told by mail that a new link is wanted: whoever invited, or the account's owner in their place."""

    account: NamedOut
    asked: Literal["inviter", "account_owner"]
    inviter: NamedOut | None = Field(description="Whoever invited, where they were asked.")
    again_at: datetime = Field(description="From when on they can be asked again.")


class MyInvitation(OfferOut):
    """An invitation that waits for the signed-in person."""

    id: str


class MyInvitations(Out):
    """The invitations that wait for the signed-in person, a page at a time."""

    data: list[MyInvitation]
    next_cursor: str | None


class RefusalBody(Body):
    """A refusal, with a reason if one likes."""

    reason: Text | None = Field(default=None, max_length=500)
    report_abuse: bool = Field(default=False, description="I don't know who sent this.")


class DeclineBody(RefusalBody):
    """A refusal by whoever has the link."""

    token: Token


_SHOWN = tuple(InvitationOut.model_fields)


def invitation_out(invitation: Invitation | CreatedInvitation) -> dict[str, Any]:
    """An invitation's row as its account sees it."""
    shown = {field: getattr(invitation, field, None) for field in _SHOWN}
    return shown | {"accepted_at": invitation.ended_at if invitation.status == Status.ACCEPTED else None}


def link_request_out(link_request: LinkRequest) -> dict[str, Any]:
    """What was asked of whom, as the holder of the link may see it."""
    return {
        "account": {"name": link_request.account},
        "asked": link_request.who,
        "inviter": {"name": link_request.inviter} if link_request.inviter else None,
        "again_at": link_request.again_at,
    }


def offer_out(offer: Offer) -> dict[str, Any]:
    """An offer as the holder of its link may see it."""
    invitation = offer.invitation
    return {
        "account": offer.account,
        "inviter": offer.inviter,
        "role": invitation.role,
        "permissions": in_words(Role.from_row(invitation.role)),
        "email": masked(invitation.email),
        "message": invitation.message,
        "expires_at": invitation.expires_at,
        "user_exists": offer.user_exists,
    }
