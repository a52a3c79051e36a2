"""Delivery events that the operator's mail system reports."""

from typing import Any

from shared.mail import provider_events
from shared.mail.provider_events import MailEvent
from web.auth.guards import actor, signed_webhook
from web.database import transaction
from web.http.body_limits import LARGE
from web.http.endpoint import endpoint, v1
from web.schemas.mail_events import MailEventsBody, MailEventsOut


@v1.post("/mail-events")
@signed_webhook
@endpoint(
    "Mail",
    body=MailEventsBody,
    response=MailEventsOut,
    max_body=LARGE,
    example={
        "events": [
            {"message_id": "<inv_01k9.1@usher.example>", "type": "bounced", "reason": "550 5.1.1 no such user"},
            {"message_id": "<inv_01kb.1@usher.example>", "type": "delivered"},
        ]
    },
)
def record_mail_events(body: MailEventsBody) -> dict[str, Any]:
    """Record delivery events of emails: `delivered`, `bounced`, `complained` or `delayed`.

    Requests are signed as Standard Webhooks specifies, with MAIL_EVENTS_KEY. Without that setting this call returns
    404. Events may arrive late, twice and in any order. A bounce or a complaint stops all email to the address for 30
    days. `delayed` changes nothing. Events with an unknown Message-ID are ignored.
    """
    events = [MailEvent(event.message_id, event.type, " ".join(event.reason.split())) for event in body.events]
    with transaction() as session:
        return {"changed": provider_events.record(session, actor(), events)}
