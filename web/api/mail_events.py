"""What the operator's mail system tells of mails that it took from us."""

from typing import Any

from shared.services import mail_events
from shared.services.mail_events import MailEvent
from web.bodies import LARGE
from web.call import call, v1
from web.database import transaction
from web.guard import actor, mail_system
from web.schemas.mail_events import MailEventsBody, MailEventsOut


@v1.post("/mail-events")
@mail_system
@call(
    "Mail",
    body=MailEventsBody,
    answers=MailEventsOut,
    max_body=LARGE,
    example={
        "events": [
            {"message_id": "<inv_01k9.1@usher.example>", "type": "bounced", "reason": "550 5.1.1 no such user"},
            {"message_id": "<inv_01kb.1@usher.example>", "type": "delivered"},
        ]
    },
)
def record_mail_events(body: MailEventsBody) -> dict[str, Any]:
    """Tell what became of mails: `delivered`, `bounced`, `complained`; `delayed` changes nothing.

    Signed as Standard Webhooks says, with MAIL_EVENTS_KEY; without that setting the call is not there. News may come
    late, twice and in any order. A bounce or a complaint keeps all mail from the address for 30 days. A Message-ID that
    is none of ours is passed over.
    """
    told = [MailEvent(event.message_id, event.type, " ".join(event.reason.split())) for event in body.events]
    with transaction() as session:
        return {"changed": mail_events.record(session, actor(), told)}
