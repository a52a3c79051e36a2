"""What the mail system tells of mails."""

from pydantic import Field

from shared.mail.provider_events import MAX_EVENTS, ProviderEventType
from web.schemas.base import Body, Out, Text


class MailEventBody(Body):
    """One piece of news about one mail."""

    message_id: Text = Field(min_length=1, max_length=250, description="The mail's Message-ID.")
    type: ProviderEventType
    reason: Text = Field(default="", max_length=512, description="What the receiving side said, for people to read.")


class MailEventsBody(Body):
    """News, in any order; what is told twice counts once."""

    events: list[MailEventBody] = Field(min_length=1, max_length=MAX_EVENTS)


class MailEventsOut(Out):
    """How many invitations show something new."""

    changed: int
