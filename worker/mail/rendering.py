"""Renders emails: from their data to the texts that people read, and to the bytes that are sent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from jinja2 import Environment, Template

from shared.jobs.kinds import TEMPLATES
from shared.mail.messages import Link, OutgoingMail
from shared.models import JobKind
from shared.settings.settings import Settings
from shared.templating import environment
from shared.tokens import Purpose, rederive
from worker.mail.message import Content, Sender, build

_PATHS = {Purpose.INVITATION: "i", Purpose.VERIFICATION: "verify", Purpose.PASSWORD_RESET: "reset"}


class KeyGone(Exception):
    """Raised when a link was derived with a key that SECRET_KEYS no longer contains."""

    def __init__(self) -> None:
        super().__init__(
            "The link of this email was created with a key that is no longer in USHER_SECRET_KEYS. An operator can add "
            "the key at the end of the list again and retry the job, or resend the email with a new link."
        )


@dataclass(frozen=True, slots=True)
class _Parts:
    subject: Template
    text: Template
    html: Template


class Renderer:
    """Renders emails. Holds the templates, the sender and the keys of the links."""

    def __init__(self, settings: Settings) -> None:
        self.sender = Sender.of(settings.mail_from)
        self._keys: Sequence[str] = settings.secret_keys
        self._public_url = settings.public_url
        self._parts = _all_parts()

    def render_message(self, email: OutgoingMail) -> bytes:
        """Render the message as sent over SMTP. Raises `KeyGone` if its link can't be derived anymore."""
        return build(
            self.sender,
            recipient=email.recipient,
            content=self.render(JobKind(email.job.kind), email.words, self._url(email.link)),
            message_id=email.message_id,
            date=email.job.created_at,
        )

    def render(self, kind: JobKind, words: Mapping[str, Any], link: str | None) -> Content:
        """Render the subject and both bodies."""
        parts = self._parts[kind]
        variables = {**words, "link": link, "public_url": self._public_url}
        return Content(parts.subject.render(variables), parts.text.render(variables), parts.html.render(variables))

    def _url(self, link: Link | None) -> str | None:
        if link is None:
            return None
        token = rederive(self._keys, link.purpose, link.subject_id, link.generation, digest=link.digest)
        if token is None:
            raise KeyGone
        return f"{self._public_url}/{_PATHS[link.purpose]}/{token}"


@cache
def _all_parts() -> Mapping[JobKind, _Parts]:
    """Compiled once, so that processes forked later share them."""
    templates = environment()
    return {kind: _parts(templates, name) for kind, name in TEMPLATES.items()}


def _parts(templates: Environment, name: str) -> _Parts:
    subject, text, html = (
        templates.get_template(f"emails/{name}/{part}") for part in ("subject.txt", "body.txt", "body.html")
    )
    return _Parts(subject, text, html)
