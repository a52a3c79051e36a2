"""Errors and reasons in the reader's language.

In English they have a message with all details. In other languages the reader gets the meaning of the code and the
remedy: codes are few and stable, details are not.
"""

import re

from shared.accounts.password_policy import SENTENCES
from shared.codes import CODES
from shared.recipient_lists import decoding
from web.ui.i18n import N_, language, translated

_PARTICULARS = re.compile(r"“(?P<text>.*)”|line (?P<line>\d+)", re.DOTALL)
"""The parts of an English message that its translations can contain."""

_PLAIN_REMEDY = re.compile(r"Try again after [^,]+ UTC|Revoke invitations that you no longer need")
"""What readers can do about a limit. Which setting raises it, only the API says."""

FIXED = (
    decoding.WORKBOOK,
    "Choose a name to be called by.",
    "Choose a password.",
    "This is not your current password.",
    *SENTENCES,
    "Has to lie in the future.",
    "Lies in the past.",
    "Must not be empty.",
    "Must not hold an address of a site or a mailbox: names stand in mails to others.",
    "Must not hold a phone number: names stand in emails to others.",
    "Holds a character that can't be seen.",
    "This is missing.",
    "Unknown field.",
    "At least 8 characters.",
    "Has to be a whole number.",
    "1 at the least.",
    "720 at the most.",
    "100 characters at the most.",
    "256 characters at the most.",
    "500 characters at the most.",
    "1000 characters at the most.",
)
"""The messages for invalid fields, as schemas and services raise them."""

_FIELDS = {
    "address": N_("Address"),
    "addresses": N_("E-mail addresses"),
    "email": N_("E-mail address"),
    "file": N_("CSV file"),
    "hours": N_("How long it can be accepted"),
    "invitation_hours": N_("How many hours an invitation can be accepted"),
    "last_day": N_("Its last day, if it has one"),
    "locale": N_("Language"),
    "message": N_("A personal word, if you like"),
    "name": N_("Name"),
    "current": N_("Current password"),
    "new": N_("New password"),
    "new_password": N_("New password"),
    "password": N_("Password"),
    "reason": N_("Why, for whoever reads it later"),
    "role": N_("Role"),
    "value": N_("Which"),
}


def sentence_for(code: str, message: str, remedy: str) -> str:
    """Return the message and its remedy in the reader's language."""
    if language() == "en" or code not in CODES:
        plain = _PLAIN_REMEDY.match(remedy) if code == "invitation_limit" else None
        return f"{message} {plain[0]}." if plain else f"{message} {remedy}".strip()
    words = translated(CODES[code].words)
    found = _PARTICULARS.search(message) if "%(" in words else None
    return words % found.groupdict() if found else words


def field(name: str) -> str:
    """Return the label of a field on its form."""
    return translated(_FIELDS[name]) if name in _FIELDS else name.replace("_", " ").capitalize()
