"""Delivery events of emails, as the mail system reports them."""

from pydantic import Field

from shared.mail.provider_events import MAX_EVENTS, ProviderEventType
from web.schemas.base import Body, Out, Text


class MailEventBody(Body):
    """A delivery event of one email."""

    message_id: Text = Field(min_length=1, max_length=250, description="The email's Message-ID.")
    type: ProviderEventType
    reason: Text = Field(default="", max_length=512, description="The reply of the receiving server, for people.")


class MailEventsBody(Body):
    """Delivery events, in any order. A repeated event counts once."""

    events: list[MailEventBody] = Field(min_length=1, max_length=MAX_EVENTS)


class MailEventsOut(Out):
    """The number of invitations that changed."""

    changed: int
