"""Reason and error codes, each with its words for readers of other languages.

A code never changes once it is published. English readers get the message and remedy of the error itself, with every
particular; readers of other languages get these words, translated. `%(text)s` and `%(line)s` are what an English
message quotes, and the line that it names.
"""

from typing import NamedTuple


class Code(NamedTuple):
    """One code; `words` say what happened and what to do about it."""

    code: str
    words: str


_ROWS = (
    Code("abuse_reported", "Recipients have reported this account. The operator is reviewing the reports."),
    Code("address_lookalike", "This domain looks like another one. Check the address before you invite it."),
    Code("address_missing", "This row has no email address. Add one or remove the row."),
    Code("already_invited", "This address is invited already. Send that invitation again, or revoke it."),
    Code("already_member", "This person is a member of the account already. There is nothing to do."),
    Code("cell_too_long", "A cell has more than 1,000 characters. Shorten it."),
    Code(
        "columns_not_understood",
        "We can't tell what the columns are. Name them email, role and message in the first line, each once.",
    ),
    Code("contract_below_minimum", "The account's commitment is too low to invite. Talk to the operator about it."),
    Code("contract_ended", "The account's contract has ended. Once it is renewed, colleagues can be invited again."),
    Code("contract_missing", "The account has no contract with a committed spend. Talk to the operator about one."),
    Code("contract_not_annual", "The account's contract is for less than a year. Talk to the operator about it."),
    Code(
        "contract_not_checked",
        "The billing system hasn't confirmed the account's plan yet. We'll check again automatically.",
    ),
    Code("contract_not_started", "The account's contract has not begun yet. Colleagues can be invited from then on."),
    Code(
        "contract_other_currency",
        "The account's contract is in another currency than the required minimum. Contact the operator.",
    ),
    Code("credential_not_allowed", "This kind of credential can't do this. Sign in as a person."),
    Code("domain_disposable", "This domain gives out throw-away addresses. Invite a work address."),
    Code(
        "domain_lookalike",
        "This domain has characters that look like those of another. The operator has to approve the invitation.",
    ),
    Code(
        "domain_near_miss",
        "This domain is one character away from a well-known one. If you meant the other, revoke the invitation.",
    ),
    Code("domain_no_mail", "This domain doesn't receive email. Check the address."),
    Code("domain_not_allowed", "This account doesn't invite to this domain. Look at its settings."),
    Code(
        "domain_not_checked",
        "We couldn't check whether this domain receives email. If the email can't be delivered, the "
        "invitation will show it.",
    ),
    Code("domain_not_found", "This domain does not exist. Check the address."),
    Code("domain_null_mx", "This domain declares that it doesn't receive email. Check the address."),
    Code("domain_personal", "This is a personal address. Invite a work address."),
    Code("email_invalid", "This is not an e-mail address. Correct it."),
    Code(
        "email_unconfirmed",
        "You need to confirm your email before you can create an account. "
        "Open the link in the email we sent you, or request a new one.",
    ),
    Code(
        "signup_password_wrong",
        "This password doesn't belong to this sign-up. "
        "Check your inbox for another email with your own link, or choose a new password.",
    ),
    Code("email_mismatch", "This invitation is for another address than yours. Sign in with the invited one."),
    Code("http_error", "The request couldn't be answered."),
    Code("idempotency_conflict", "This Idempotency-Key belongs to another request. Use a new key for each request."),
    Code("internal_error", "That was our fault. Nothing was half done. Try again."),
    Code("invitation_closed", "This invitation is over, or not open yet. Ask for a new one."),
    Code("invitation_expired", "This invitation has expired. Ask the inviter to resend it."),
    Code("invitation_limit", "The invitation limit is reached. Try again later."),
    Code("inviter_gone", "The inviter can no longer invite. Another admin has to take over the invitation."),
    Code("job_closed", "The job is at a place where this can't be done. Nothing was changed."),
    Code("link_expired", "This link is too old. Ask for a new one."),
    Code("link_invalid", "We don't recognize this link. Open the complete link from the latest email."),
    Code("link_superseded", "A newer link has replaced this one. Use the link in the latest email."),
    Code(
        "method_not_allowed",
        "This address doesn't accept this method. The Allow header lists the ones it accepts.",
    ),
    Code("not_found", "There is no such page or thing here, or you don't belong to it."),
    Code("nothing_to_decide", "This account has no open reports and isn't on hold."),
    Code("own_role", "You can't change your own role. Ask another admin or the owner."),
    Code("owner_immutable", "The owner can't be changed or removed, and can't leave."),
    Code("password_common", "This password is easy to guess. Choose another one."),
    Code("password_needed", "Enter the password that was chosen at sign-up, or choose a new one."),
    Code("permission_denied", "Your role doesn't allow this. Ask the owner or an admin of the account."),
    Code("proxy_datacenter", "The request came from a data centre."),
    Code("proxy_enterprise", "The request came through a company gateway."),
    Code("proxy_header", "The request came through a proxy. Invite again without it."),
    Code("proxy_listed", "The request came from a network that is listed as a proxy. Invite from another network."),
    Code("proxy_not_checked", "Whether the request came through a proxy could not be checked."),
    Code("proxy_relay", "The request came through a privacy relay. Turn it off and invite again."),
    Code("proxy_tor", "The request came through Tor. Invite from your company's own network."),
    Code("proxy_vpn", "The request came through a VPN. Invite again without it."),
    Code(
        "quote_not_closed",
        "A quotation mark in this row, or in one above it, isn't closed. Close it or remove it.",
    ),
    Code("rate_limited", "Too many attempts. Wait a while, then try again."),
    Code("resend_too_soon", "This was sent a moment ago. Wait a minute, then send it again."),
    Code("role_missing", "This row has no role. Add a role to the row."),
    Code("role_not_assignable", "You can't give this role. Choose one that you may give."),
    Code("role_unknown", "“%(text)s” isn't a role. Use Admin, Developer, Finance analyst or Support."),
    Code(
        "row_not_readable",
        "This row contains characters that can't be read. Save the file as UTF-8 and try again.",
    ),
    Code(
        "row_not_understood",
        "We can't tell what “%(text)s” is. Remove it, or add a header row with the columns email, role and message.",
    ),
    Code("same_address", "The same address is in line %(line)s. Remove one of the two rows."),
    Code("several_addresses", "This row has more than one email address. Use one row for each person."),
    Code("too_large", "The request is too large. Send less at once."),
    Code(
        "too_many_cells",
        "This row has more cells than the header. Put quotation marks around text that contains the separator.",
    ),
    Code("too_slow", "The request took too long to arrive. Send it again."),
    Code("unauthenticated", "You aren't signed in, or the address or password is wrong."),
    Code("unavailable", "A part of the service is away for the moment. Try again in a few seconds."),
    Code(
        "validation_failed",
        "Some of what you entered isn't valid, so nothing was changed. Correct it and try again.",
    ),
    Code("wrong_host", "This address isn't served here. Check the address."),
)

CODES: dict[str, Code] = {row.code: row for row in _ROWS}
"""All codes that an error or a reason can have."""
