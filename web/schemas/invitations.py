"""Invitations, as their account and as their invitee see them."""

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
    """An invitation to send. The owner role can't be given."""

    email: Email
    role: Role
    message: Text | None = Field(default=None, max_length=1000, description="A personal message, shown in the email.")
    expires_in_hours: Hours | None = Field(
        default=None, description="Lifetime in hours. Defaults to the account's setting, or that of the installation."
    )
    locale: Locale = "en"


class InvitationQuery(PageQuery):
    """Filter of an account's invitations."""

    status: Status | None = None
    delivery: Delivery | None = None
    q: Text | None = Field(default=None, max_length=200, description="Part of the address.")

    @property
    def narrows(self) -> bool:
        """True if any filter is set."""
        return bool(self.status or self.delivery or self.q)


class CheckOut(Out):
    """The verdict of one check, with the data behind it."""

    check: str
    verdict: str
    reasons: list[ReasonOut]
    data: dict[str, Any]
    checked_at: datetime


class InvitationOut(Out):
    """An invitation as its account sees it. `delivery` is the state of its email, apart from `status`."""

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
    """A page of invitations, newest first."""

    data: list[InvitationOut]
    next_cursor: str | None


class EventOut(Out):
    """An event in an account."""

    id: str
    action: str
    actor: dict[str, Any]
    at: datetime
    request_id: str | None
    data: dict[str, Any]


class EventsOut(Out):
    """A page of events, oldest first."""

    data: list[EventOut]
    next_cursor: str | None


class NamedOut(Out):
    """A thing by its name."""

    name: str


class InviterOut(Out):
    """The member who invites."""

    name: str
    email: str


class OfferOut(Out):
    """An invitation as the holder of its link may see it. `email` is masked."""

    account: NamedOut
    inviter: InviterOut
    role: Role | str
    permissions: list[str] = Field(description="What the role may do, in words.")
    email: str
    message: str | None
    expires_at: datetime
    user_exists: bool = Field(description="Whether a user with this address exists.")


class AcceptBody(Body):
    """An acceptance, by the signed-in user, or with a name and a password to sign up."""

    token: Token
    name: Name | None = None
    password: NewPassword | None = None


class AcceptedOut(Out):
    """The new membership. `token` is a session of a user who has just signed up."""

    membership: MembershipOut
    token: str | None = None


class AskedOut(Out):
    """The person notified of the request for a new link: the inviter, or the account's owner in their place."""

    account: NamedOut
    asked: Literal["inviter", "account_owner"]
    inviter: NamedOut | None = Field(description="The inviter, if they were notified.")
    again_at: datetime = Field(description="When a new link can be requested again.")


class MyInvitation(OfferOut):
    """A pending invitation to the signed-in user."""

    id: str


class MyInvitations(Out):
    """A page of pending invitations to the signed-in user."""

    data: list[MyInvitation]
    next_cursor: str | None


class RefusalBody(Body):
    """A refusal of an invitation, with an optional reason."""

    reason: Text | None = Field(default=None, max_length=500)
    report_abuse: bool = Field(default=False, description="Report the invitation as abuse.")


class DeclineBody(RefusalBody):
    """A refusal of an invitation by the holder of its link."""

    token: Token


_SHOWN = tuple(InvitationOut.model_fields)


def invitation_out(invitation: Invitation | CreatedInvitation) -> dict[str, Any]:
    """Present an invitation to its account."""
    shown = {field: getattr(invitation, field, None) for field in _SHOWN}
    return shown | {"accepted_at": invitation.ended_at if invitation.status == Status.ACCEPTED else None}


def link_request_out(link_request: LinkRequest) -> dict[str, Any]:
    """Present a request for a new link to the holder of the link."""
    return {
        "account": {"name": link_request.account},
        "asked": link_request.who,
        "inviter": {"name": link_request.inviter} if link_request.inviter else None,
        "again_at": link_request.again_at,
    }


def offer_out(offer: Offer) -> dict[str, Any]:
    """Present an invitation to the holder of its link."""
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
