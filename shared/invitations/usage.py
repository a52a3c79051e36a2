"""Counts invitations within their limits, exactly, however many are sent at once.

Mostly everything fits and nothing is new. Then one statement counts and writes (`shared.invitations.gate`): it looks at
the counts without a lock, and fails where others were quicker. Otherwise the rows are locked, each invitation gets an
answer of its own, and what was written is counted (`hold`, `record`).

Both lock the rows of recipients first, in the order of their hashes, then the account's, then the inviter's, so nobody
waits in a circle. The account's row, for which all its inviters wait, is held for as short as possible.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from msgspec.json import encode

from shared.actor import Actor, ActorKind
from shared.checks.limits import Limits, Usage, Window, admit, limits_of, recipient_of
from shared.db.autocommit import SessionOrConnection, run_statement
from shared.email_address import EmailAddress
from shared.screening.facts import AccountFacts
from shared.settings.settings import Settings


@dataclass(frozen=True, slots=True)
class Bounds:
    """Whose invitations are counted, and within which limits; `inviter` is the id of the user or the API key."""

    account_id: str
    inviter: str
    limits: Limits
    per_recipient: int

    @classmethod
    def of(cls, settings: Settings, ground: AccountFacts, actor: Actor, *, account_id: str) -> "Bounds":
        """The bounds of an account whose ground is known.

        A program is counted by its key, and a person over all their accounts.
        """
        inviter = (actor.id if actor.kind is ActorKind.API_KEY else actor.user_id) or actor.kind
        terms = (ground.commitment if settings.billing_url is None else ground.billed).terms
        limits = limits_of(settings, terms, ground.limits)
        return cls(account_id, inviter, limits, settings.emails_per_recipient)


def hold(connection: SessionOrConnection, bounds: Bounds, addresses: Sequence[EmailAddress]) -> Usage:
    """What is used so far; nobody else changes it until the transaction ends."""
    recipients = run_statement(connection, _LOCK_RECIPIENTS, (json_text(sorted(set(map(recipient_of, addresses)))),))
    (account,), (inviter,) = (
        run_statement(connection, _LOCK, (subject,)) for subject in (bounds.account_id, bounds.inviter)
    )
    usage = _usage(account, inviter, recipients)
    usage.domains = _known_domains(connection, bounds, addresses)
    *_, open_count, _ = account
    if open_count is None or open_count + len(addresses) > bounds.limits.open_invitations:
        usage.open_used = _open(connection, bounds.account_id)
    return usage


def look(
    connection: SessionOrConnection, bounds: Bounds, addresses: Sequence[EmailAddress], *, exact: bool = False
) -> Usage:
    """What is used at this moment, for whoever only wants to know.

    Open invitations are counted where it is `exact` or the limit seems to be reached.
    """
    (account,), (inviter,) = (
        run_statement(connection, _LOOK, (subject,)) for subject in (bounds.account_id, bounds.inviter)
    )
    recipients = run_statement(connection, _LOOK_AT_RECIPIENTS, (json_text(sorted(set(map(recipient_of, addresses)))),))
    usage = _usage(account, inviter, recipients)
    usage.domains = _known_domains(connection, bounds, addresses)
    if exact or usage.open_used + len(addresses) >= bounds.limits.open_invitations:
        usage.open_used = _open(connection, bounds.account_id)
    return usage


def record(connection: SessionOrConnection, bounds: Bounds, usage: Usage) -> None:
    """Write down what was used by now, of what is held."""
    if usage.new_domains:
        run_statement(connection, _ADD_DOMAINS, (bounds.account_id, json_text(sorted(usage.new_domains))))
    recipients = [[recipient, window.used] for recipient, window in sorted(usage.recipients.items())]
    run_statement(connection, _RECORD_RECIPIENTS, (json_text(recipients),))
    counts = usage.hour.used, usage.day.used, usage.domains_used, usage.open_used
    run_statement(connection, _RECORD, (*counts, bounds.account_id))
    run_statement(connection, _RECORD, (usage.inviter.used, 0, 0, None, bounds.inviter))


def count_resend(connection: SessionOrConnection, bounds: Bounds, address: EmailAddress, *, opens: bool) -> None:
    """Count one email for an invitation that there is already; raises `LimitReached`.

    `opens` is true where the invitation had expired and becomes open by this.
    """
    usage = hold(connection, bounds, [address])
    usage.domains.add(address.domain)
    (refusal,) = admit([address], bounds.limits, bounds.per_recipient, usage, opens=opens)
    if refusal is not None:
        raise refusal
    record(connection, bounds, usage)


def _usage(account: Sequence[Any], inviter: Sequence[Any], recipients: Iterable[Sequence[Any]]) -> Usage:
    hour, hour_ends, day, day_ends, domains, open_count, at = account
    return Usage(
        hour=Window(hour, hour_ends),
        day=Window(day, day_ends),
        domains_used=domains,
        open_used=open_count or 0,
        inviter=Window(inviter[0], inviter[1]),
        at=at,
        recipients={recipient.hex: Window(count, ends_at) for recipient, count, ends_at in recipients},
    )


def _known_domains(connection: SessionOrConnection, bounds: Bounds, addresses: Sequence[EmailAddress]) -> set[str]:
    domains = json_text({address.domain for address in addresses})
    return {domain for (domain,) in run_statement(connection, _KNOWN_DOMAINS, (domains, bounds.account_id))}


def _open(connection: SessionOrConnection, account_id: str) -> int:
    ((count,),) = run_statement(connection, _OPEN, (account_id,))
    return int(count)


def json_text(value: Any) -> str:
    """The value as a JSON text."""
    return encode(value).decode()


def unless_over(alias: str, span: str, value: str, fresh: str) -> str:
    """The value of a row whose hour or day still runs, or the one that it begins anew with."""
    return f"CASE WHEN {alias}.{span}_ends_at > now() THEN {alias}.{value} ELSE {fresh} END"


_COUNTS = "hour_count, hour_ends_at, day_count, day_ends_at, domain_count, open_count, now()"

_LOCK = f"""
INSERT INTO invitation_usage AS u (subject, hour_count, hour_ends_at, day_count, day_ends_at, domain_count)
VALUES (%s, 0, now() + interval '1 hour', 0, now() + interval '1 day', 0)
ON CONFLICT (subject) DO UPDATE SET
    hour_count = {unless_over("u", "hour", "hour_count", "0")},
    hour_ends_at = {unless_over("u", "hour", "hour_ends_at", "excluded.hour_ends_at")},
    day_count = {unless_over("u", "day", "day_count", "0")},
    day_ends_at = {unless_over("u", "day", "day_ends_at", "excluded.day_ends_at")},
    domain_count = {unless_over("u", "day", "domain_count", "0")}
RETURNING {_COUNTS}
"""  # noqa: S608 - our own names

_LOOK = f"""
SELECT
    {unless_over("u", "hour", "hour_count", "0")},
    {unless_over("u", "hour", "hour_ends_at", "now() + interval '1 hour'")},
    {unless_over("u", "day", "day_count", "0")},
    {unless_over("u", "day", "day_ends_at", "now() + interval '1 day'")},
    {unless_over("u", "day", "domain_count", "0")},
    u.open_count, now()
FROM (SELECT %s::text AS subject) AS wanted LEFT JOIN invitation_usage AS u ON u.subject = wanted.subject
"""  # noqa: S608 - our own names

_LOCK_RECIPIENTS = f"""
INSERT INTO invited_recipients AS r (recipient, day_ends_at, count)
SELECT value::uuid, now() + interval '1 day', 0 FROM json_array_elements_text(%s::json)
ON CONFLICT (recipient) DO UPDATE SET
    count = {unless_over("r", "day", "count", "0")},
    day_ends_at = {unless_over("r", "day", "day_ends_at", "excluded.day_ends_at")}
RETURNING recipient, count, day_ends_at
"""  # noqa: S608 - our own names

_LOOK_AT_RECIPIENTS = """
SELECT r.recipient, r.count, r.day_ends_at
FROM json_array_elements_text(%s::json) JOIN invited_recipients AS r ON r.recipient = value::uuid
WHERE r.day_ends_at > now()
"""

_RECORD_RECIPIENTS = """
UPDATE invited_recipients AS r SET count = (value ->> 1)::integer
FROM json_array_elements(%s::json) WHERE r.recipient = (value ->> 0)::uuid RETURNING r.recipient
"""

_KNOWN_DOMAINS = """
SELECT d.domain FROM json_array_elements_text(%s::json) AS wanted(domain)
JOIN invited_domains AS d ON d.account_id = %s AND d.domain = wanted.domain
"""

_ADD_DOMAINS = """
INSERT INTO invited_domains (account_id, domain) SELECT %s, value FROM json_array_elements_text(%s::json)
ON CONFLICT DO NOTHING RETURNING domain
"""

_OPEN = "SELECT count(*) FROM invitations WHERE account_id = %s AND status IN ('checking', 'held', 'pending')"

_RECORD = """
UPDATE invitation_usage SET hour_count = %s, day_count = %s, domain_count = %s, open_count = %s WHERE subject = %s
RETURNING subject
"""
