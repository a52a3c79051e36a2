"""What stops something, in the reader's language.

Errors and reasons say it in English with every particular. Readers of other languages are told what the code means and
what to do about it: the codes are few and stable, the particulars are not.
"""

import re

from shared.accounts.password_policy import SENTENCES
from shared.recipient_lists import decoding
from web.ui.i18n import N_, language, translated

_MEANINGS = {
    "abuse_reported": N_("Recipients have reported this account. The operator is reviewing the reports."),
    "address_lookalike": N_("This domain looks like another one. Check the address before you invite it."),
    "address_missing": N_("This row has no email address. Add one or remove the row."),
    "already_invited": N_("This address is invited already. Send that invitation again, or revoke it."),
    "already_member": N_("This person is a member of the account already. There is nothing to do."),
    "cell_too_long": N_("A cell has more than 1,000 characters. Shorten it."),
    "columns_not_understood": N_("We can't tell some columns apart. Name them email, role and message, each once."),
    "contract_below_minimum": N_("The account's commitment is too low to invite. Talk to the operator about it."),
    "contract_ended": N_("The account's contract has ended. Once it is renewed, colleagues can be invited again."),
    "contract_missing": N_("The account has no contract with a committed spend. Talk to the operator about one."),
    "contract_not_annual": N_("The account's contract is for less than a year. Talk to the operator about it."),
    "contract_not_started": N_("The account's contract has not begun yet. Colleagues can be invited from then on."),
    "credential_not_allowed": N_("This kind of credential can't do this. Sign in as a person."),
    "domain_disposable": N_("This domain gives out throw-away addresses. Invite a work address."),
    "domain_no_mail": N_("This domain takes no mail. Check the address."),
    "domain_not_allowed": N_("This account doesn't invite to this domain. Look at its settings."),
    "domain_not_found": N_("This domain does not exist. Check the address."),
    "domain_null_mx": N_("This domain says that it takes no mail. Check the address."),
    "domain_personal": N_("This is a personal address. Invite a work address."),
    "email_invalid": N_("This is not an e-mail address. Correct it."),
    "email_mismatch": N_("This invitation is for another address than yours. Sign in with the invited one."),
    "invitation_closed": N_("This invitation is over, or not open yet. Ask for a new one."),
    "invitation_expired": N_("This invitation has expired. Ask whoever invited you to send it again."),
    "invitation_limit": N_("The invitation limit is reached. Try again later, or ask the operator to raise it."),
    "inviter_gone": N_("Whoever invited may no longer do so. Somebody else has to answer for the invitation."),
    "job_closed": N_("The job is at a place where this can't be done. Nothing was changed."),
    "link_expired": N_("This link is too old. Ask for a new one."),
    "link_invalid": N_("This link is not known here. Open the link of the newest mail, whole."),
    "link_superseded": N_("A newer mail has replaced this link. Open the link of the newest mail."),
    "not_found": N_("There is no such page or thing here, or you don't belong to it."),
    "own_role": N_("Nobody changes their own role. Ask another admin, or the owner."),
    "owner_immutable": N_("The owner can't be changed or removed, and can't leave."),
    "email_unconfirmed": N_(
        "You need to confirm your email before you can create an account. "
        "Open the link in the email we sent you, or request a new one."
    ),
    "signup_password_wrong": N_(
        "This password doesn't belong to this sign-up. "
        "Check your inbox for another email with your own link, or choose a new password."
    ),
    "password_needed": N_("Enter the password that was chosen at sign-up, or choose a new one."),
    "permission_denied": N_("Your role doesn't allow this. Ask the owner or an admin of the account."),
    "proxy_datacenter": N_("The request came from a data centre."),
    "proxy_header": N_("The request came through a proxy. Invite again without it."),
    "proxy_listed": N_("The request came from a network that is listed as a proxy. Invite from another network."),
    "proxy_not_checked": N_("Whether the request came through a proxy could not be checked."),
    "proxy_tor": N_("The request came through Tor. Invite from your company's own network."),
    "proxy_vpn": N_("The request came through a VPN. Invite again without it."),
    "quote_not_closed": N_("A quotation mark in this row, or in one above it, isn't closed. Close it or remove it."),
    "rate_limited": N_("Too many attempts. Wait a while, then try again."),
    "recipient_suppressed": N_("Mail to this address came back before. Check the address, or ask the operator."),
    "resend_too_soon": N_("This was sent a moment ago. Wait a minute, then send it again."),
    "role_missing": N_("This row has no role. Add a role to the row."),
    "role_not_assignable": N_("You can't give this role. Choose one that you may give."),
    "role_unknown": N_("“%(text)s” isn't a role. Use Admin, Developer, Finance analyst or Support."),
    "row_not_readable": N_("This row contains characters that can't be read. Save the file as UTF-8 and try again."),
    "row_not_understood": N_(
        "We can't tell what “%(text)s” is. Remove it, or add a header row with the columns email, role and message."
    ),
    "same_address": N_("The same address is in line %(line)s. Remove one of the two rows."),
    "several_addresses": N_("This row has more than one email address. Use one row for each person."),
    "too_many_cells": N_(
        "This row has more cells than the header. Put quotation marks around text that contains the separator."
    ),
    "unauthenticated": N_("Nobody is signed in, or the address or the password is wrong."),
    "validation_failed": N_("Something that was sent is not valid, so nothing was changed. Mend it and send it again."),
    "unavailable": N_("A part of the service is away for the moment. Try again in a few seconds."),
    "internal_error": N_("That was our fault. Nothing was half done. Try again."),
}

_PARTICULARS = re.compile(r"“(?P<text>.*)”|line (?P<line>\d+)", re.DOTALL)
"""What of an English message the words of other languages can have in them."""

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
"""What can be wrong with a field, as the schemas and services say it."""

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
    """What happened and what to do about it."""
    if language() == "en" or code not in _MEANINGS:
        return f"{message} {remedy}".strip()
    words = translated(_MEANINGS[code])
    found = _PARTICULARS.search(message) if "%(" in words else None
    return words % found.groupdict() if found else words


def field(name: str) -> str:
    """What a field is called on its form."""
    return translated(_FIELDS[name]) if name in _FIELDS else name.replace("_", " ").capitalize()
