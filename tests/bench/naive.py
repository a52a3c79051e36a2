"""The obvious first version: per email one Celery message, one query, one SMTP connection and one commit."""

import os
import smtplib
from datetime import UTC, datetime
from email.message import EmailMessage
from functools import cache

from celery import Celery
from jinja2 import Environment
from sqlalchemy import Engine, create_engine
from sqlalchemy.orm import Session

from shared.models import Invitation

app = Celery("naive", broker=os.environ["USHER_BROKER_URL"])
app.conf.task_ignore_result = True

_templates = Environment(autoescape=True)
_TEXT = _templates.from_string("You were invited to {{ account }} as {{ role }}. Open the invitation: {{ link }}")
_PAGE = _templates.from_string("<p>You were invited to {{ account }} as {{ role }}: <a href='{{ link }}'>open</a></p>")


@cache
def _engine() -> Engine:
    return create_engine(os.environ["USHER_DATABASE_URL"].replace("://", "+psycopg://", 1))


@app.task
def mail(invitation_id: str) -> None:
    with Session(_engine()) as session:
        invitation = session.get_one(Invitation, invitation_id)
        message = EmailMessage()
        message["From"], message["To"] = "usher@corp.example", invitation.email
        message["Subject"] = "You were invited"
        text = {"account": "Bench", "role": invitation.role, "link": "https://usher.example/i/" + "x" * 43}
        message.set_content(_TEXT.render(text))
        message.add_alternative(_PAGE.render(text), subtype="html")
        with smtplib.SMTP("127.0.0.1", int(os.environ["SINK_PORT"])) as server:
            server.send_message(message)
        invitation.delivery, invitation.last_sent_at = "sent", datetime.now(UTC)
        session.commit()
