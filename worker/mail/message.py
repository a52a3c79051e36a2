"""Builds the bytes of an email from its few parts.

Written by hand because the standard library's generator takes longer than everything else an email needs (2 ms compared
to about 0.03 ms). Nothing in it is random: the same email has the same bytes on every attempt, including boundary and
date, so a receiver can detect a duplicate by its Message-ID.
"""

import binascii
import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from email.header import Header
from email.utils import format_datetime, parseaddr

from shared.email_address import a_labels

_CONTROL = re.compile(r"[\x00-\x1f\x7f\u0085\u2028\u2029]+")


@dataclass(frozen=True, slots=True)
class Content:
    """The readable parts of an email: the subject, and the same content as text and HTML."""

    subject: str
    text: str
    html: str


@dataclass(frozen=True, slots=True)
class Sender:
    """The sender of all emails: the address for the envelope, and the From header."""

    address: str
    domain: str
    header: str

    @classmethod
    def of(cls, mail_from: str) -> "Sender":
        """Parse MAIL_FROM: `Acme <invitations@acme.example>`, or only the address."""
        name, address = parseaddr(mail_from)
        local, _, domain = address.rpartition("@")
        domain = a_labels(domain)
        address = f"{local}@{domain}"
        return cls(address, domain, f"{_phrase(name)} <{address}>" if name else f"<{address}>")


def build(sender: Sender, *, recipient: str, content: Content, message_id: str, date: datetime) -> bytes:
    """Build the message as sent over SMTP, with dots escaped and the final dot. `message_id` is its local part."""
    boundary = "=_" + hashlib.sha256(message_id.encode()).hexdigest()[:24]
    head = (
        f"From: {sender.header}\r\n"
        f"To: <{recipient}>\r\n"
        f"Subject: {_unstructured(content.subject)}\r\n"
        f"Date: {format_datetime(date)}\r\n"
        f"Message-ID: <{message_id}@{sender.domain}>\r\n"
        "MIME-Version: 1.0\r\n"
        "Auto-Submitted: auto-generated\r\n"
        f'Content-Type: multipart/alternative; boundary="{boundary}"\r\n'
        "\r\n"
    )
    parts = (_part(boundary, "plain", content.text), _part(boundary, "html", content.html))
    whole = b"".join((head.encode(), *parts, f"--{boundary}--\r\n".encode()))
    return whole.replace(b"\r\n.", b"\r\n..") + b".\r\n"


def _part(boundary: str, subtype: str, text: str) -> bytes:
    """One body in quoted-printable, because filters distrust base64 and this stays readable."""
    head = (
        f"--{boundary}\r\n"
        f"Content-Type: text/{subtype}; charset=utf-8\r\n"
        "Content-Transfer-Encoding: quoted-printable\r\n"
        "\r\n"
    )
    lines = "\r\n".join(text.splitlines())
    return head.encode() + binascii.b2a_qp(lines.encode(), istext=True) + b"\r\n"


def _unstructured(text: str) -> str:
    """Header text without control characters, so it can't add a header. Folded and encoded if it isn't ASCII.

    Text that looks like an encoded word is encoded as well, so that readers see it as written.
    """
    plain = _CONTROL.sub(" ", text).strip()
    if plain.isascii() and len(plain) < 900 and "=?" not in plain:
        return plain
    return Header(plain, "utf-8", maxlinelen=76).encode(linesep="\r\n")


def _phrase(name: str) -> str:
    """A display name, quoted so that no character in it can end it."""
    encoded = _unstructured(name)
    return encoded if encoded.startswith("=?") else '"' + encoded.replace("\\", "\\\\").replace('"', '\\"') + '"'
