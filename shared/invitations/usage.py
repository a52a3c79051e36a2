"""Counts invitations within their limits, exactly, however many are sent at once.

Mostly everything fits and nothing is new. Then one statement counts and writes (`gate`): it looks at the counts without
a lock, and fails where others were quicker. Otherwise the rows are locked, each invitation gets an answer of its own,
and what was written is counted (`hold`, `record`).

Both lock the rows of recipients first, in the order of their hashes, then the account's, then the inviter's, so nobody
waits in a circle. The account's row, for which all its inviters wait, is held for as short as possible.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from msgspec.json import encode

from shared.actor import Actor, ActorKind
from shared.checks.limits import Limits, Usage, Window, admit, limits_of, quotas_of, recipient_of
from shared.db.autocommit import SessionOrConnection, run_statement
from shared.db.bulk import Gate
from shared.email_address import EmailAddress
from shared.errors import Quota
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


def gate(bounds: Bounds, addresses: Sequence[EmailAddress]) -> Gate:
    """Lets the rows of these invitations through where all of them fit, and counts them; else nothing is counted.

    The statement fails with `InvalidTextRepresentation` where others were quicker between its look and its write.
    """
    limits = bounds.limits
    values = (
        *(bounds.account_id, bounds.inviter, limits.invitations_per_hour, limits.invitations_per_day),
        *(limits.open_invitations, limits.inviter_per_hour),
    )
    if len(addresses) == 1:
        (address,) = addresses
        one = (*values, recipient_of(address), address.domain, bounds.per_recipient)
        return Gate(_BEFORE_ONE, _COUNTED_ONE, _AFTER_ONE, _ANSWER, one)
    recipients = Counter(map(recipient_of, addresses))
    domains = {address.domain for address in addresses}
    many = (*values, bounds.per_recipient, len(addresses), _json(sorted(recipients.items())), _json(domains))
    return Gate(_BEFORE_MANY, _COUNTED_MANY, _AFTER_MANY, _ANSWER, many)


def left(bounds: Bounds, answer: Sequence[Any]) -> tuple[Quota, ...]:
    """What the gate's answer says is left."""
    _, hour, hour_left, day, day_left, inviter, inviter_left = answer
    return quotas_of(bounds.limits, (hour, hour_left), (day, day_left), (inviter, inviter_left))


def hold(connection: SessionOrConnection, bounds: Bounds, addresses: Sequence[EmailAddress]) -> Usage:
    """What is used so far; nobody else changes it until the transaction ends."""
    recipients = run_statement(connection, _LOCK_RECIPIENTS, (_json(sorted(set(map(recipient_of, addresses)))),))
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
    recipients = run_statement(connection, _LOOK_AT_RECIPIENTS, (_json(sorted(set(map(recipient_of, addresses)))),))
    usage = _usage(account, inviter, recipients)
    usage.domains = _known_domains(connection, bounds, addresses)
    if exact or usage.open_used + len(addresses) >= bounds.limits.open_invitations:
        usage.open_used = _open(connection, bounds.account_id)
    return usage


def record(connection: SessionOrConnection, bounds: Bounds, usage: Usage) -> None:
    """Write down what was used by now, of what is held."""
    if usage.new_domains:
        run_statement(connection, _ADD_DOMAINS, (bounds.account_id, _json(sorted(usage.new_domains))))
    recipients = [[recipient, window.used] for recipient, window in sorted(usage.recipients.items())]
    run_statement(connection, _RECORD_RECIPIENTS, (_json(recipients),))
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
    domains = _json({address.domain for address in addresses})
    return {domain for (domain,) in run_statement(connection, _KNOWN_DOMAINS, (domains, bounds.account_id))}


def _open(connection: SessionOrConnection, account_id: str) -> int:
    ((count,),) = run_statement(connection, _OPEN, (account_id,))
    return int(count)


def _json(value: Any) -> str:
    return encode(value).decode()


def _unless_over(alias: str, span: str, value: str, fresh: str) -> str:
    """The value of a row whose hour or day still runs, or the one that it begins anew with."""
    return f"CASE WHEN {alias}.{span}_ends_at > now() THEN {alias}.{value} ELSE {fresh} END"


_COUNTS = "hour_count, hour_ends_at, day_count, day_ends_at, domain_count, open_count, now()"

_LOCK = f"""
INSERT INTO invitation_usage AS u (subject, hour_count, hour_ends_at, day_count, day_ends_at, domain_count)
VALUES (%s, 0, now() + interval '1 hour', 0, now() + interval '1 day', 0)
ON CONFLICT (subject) DO UPDATE SET
    hour_count = {_unless_over("u", "hour", "hour_count", "0")},
    hour_ends_at = {_unless_over("u", "hour", "hour_ends_at", "excluded.hour_ends_at")},
    day_count = {_unless_over("u", "day", "day_count", "0")},
    day_ends_at = {_unless_over("u", "day", "day_ends_at", "excluded.day_ends_at")},
    domain_count = {_unless_over("u", "day", "domain_count", "0")}
RETURNING {_COUNTS}
"""  # noqa: S608 - our own names

_LOOK = f"""
SELECT
    {_unless_over("u", "hour", "hour_count", "0")},
    {_unless_over("u", "hour", "hour_ends_at", "now() + interval '1 hour'")},
    {_unless_over("u", "day", "day_count", "0")},
    {_unless_over("u", "day", "day_ends_at", "now() + interval '1 day'")},
    {_unless_over("u", "day", "domain_count", "0")},
    u.open_count, now()
FROM (SELECT %s::text AS subject) AS wanted LEFT JOIN invitation_usage AS u ON u.subject = wanted.subject
"""  # noqa: S608 - our own names

_LOCK_RECIPIENTS = f"""
INSERT INTO invited_recipients AS r (recipient, day_ends_at, count)
SELECT value::uuid, now() + interval '1 day', 0 FROM json_array_elements_text(%s::json)
ON CONFLICT (recipient) DO UPDATE SET
    count = {_unless_over("r", "day", "count", "0")},
    day_ends_at = {_unless_over("r", "day", "day_ends_at", "excluded.day_ends_at")}
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

# The gates. The one for a single invitation is short: the driver remembers no statement of more than 4,096 characters
# or 50 parameters, and to take it apart each time costs a tenth of inviting. It joins its CTEs and has no subqueries,
# whose locks PostgreSQL would look for in the whole statement, each time.
_PARAMETERS = """%s::text AS account, %s::text AS inviter, %s::integer AS hour, %s::integer AS day, %s::integer AS open,
%s::integer AS inviter_hour"""


def _fitting(n: str) -> str:
    return f"""JOIN invitation_usage AS a ON a.subject = g.account AND a.hour_ends_at > now() AND a.day_ends_at > now()
AND a.hour_count + {n} <= g.hour AND a.day_count + {n} <= g.day AND a.open_count + {n} <= g.open
JOIN invitation_usage AS i
ON i.subject = g.inviter AND i.hour_ends_at > now() AND i.hour_count + {n} <= g.inviter_hour"""


def _counting(recipient: str, n: str, source: str, most: str) -> str:
    return f"""recipients AS (INSERT INTO invited_recipients AS r (recipient, day_ends_at, count)
SELECT {recipient}, now() + interval '1 day', {n} FROM {source}
ON CONFLICT (recipient) DO UPDATE SET count = {_unless_over("r", "day", "count", "0")} + excluded.count,
day_ends_at = {_unless_over("r", "day", "day_ends_at", "excluded.day_ends_at")}
WHERE {_unless_over("r", "day", "count", "0")} + excluded.count <= {most}
RETURNING r.recipient)"""  # noqa: S608 - our own names


def _after(n: str, source: str) -> str:
    hour_left = "ceil(date_part('epoch', u.hour_ends_at - now()))::integer AS hour_left"
    day_left = "ceil(date_part('epoch', u.day_ends_at - now()))::integer AS day_left"
    return f"""account AS (UPDATE invitation_usage AS u
SET hour_count = u.hour_count + {n}, day_count = u.day_count + {n}, open_count = u.open_count + {n}
FROM {source} AND u.subject = fits.account
AND u.hour_count + {n} <= fits.hour AND u.day_count + {n} <= fits.day AND u.open_count + {n} <= fits.open
RETURNING u.hour_count, {hour_left}, u.day_count, {day_left}),
inviter AS (UPDATE invitation_usage AS u SET hour_count = u.hour_count + {n}
FROM fits, account WHERE u.subject = fits.inviter
AND u.hour_count + {n} <= fits.inviter_hour RETURNING u.hour_count, {hour_left})"""  # noqa: S608 - our own names


_ANSWER = """SELECT CASE WHEN i.hour_count IS NULL THEN (fits.hour || ' is the limit: decide again')::integer END,
a.*, i.* FROM fits LEFT JOIN account AS a ON true LEFT JOIN inviter AS i ON true"""


_BEFORE_ONE = f"""fits AS MATERIALIZED (SELECT g.*
FROM (SELECT {_PARAMETERS}, %s::uuid AS recipient, %s::text AS domain) AS g
{_fitting("1")}
JOIN invited_domains AS d ON d.account_id = g.account AND d.domain = g.domain),
{_counting("recipient", "1", "fits", "%s")}"""  # noqa: S608 - our own names
_COUNTED_ONE = ", recipients"
_AFTER_ONE = _after("1", "fits, made WHERE true")

_OF_EACH = (
    *("(value ->> 0)::uuid", "(value ->> 1)::integer"),
    *("fits, json_array_elements(fits.recipients)", "(SELECT per_recipient FROM fits)"),
)
_BEFORE_MANY = f"""fits AS MATERIALIZED (
    SELECT g.* FROM (
        SELECT {_PARAMETERS}, %s::integer AS per_recipient,
        %s::integer AS n, %s::json AS recipients, %s::json AS domains
    ) AS g
    {_fitting("n")}
    WHERE NOT EXISTS (
        SELECT FROM json_array_elements_text(g.domains) AS wanted(domain) WHERE (
            SELECT true FROM invited_domains AS d
            WHERE d.account_id = g.account AND d.domain = wanted.domain LIMIT 1
        ) IS NULL
    )
    AND NOT EXISTS (
        SELECT FROM json_array_elements(g.recipients) AS wanted WHERE coalesce((
            SELECT r.count FROM invited_recipients AS r
            WHERE r.recipient = (wanted.value ->> 0)::uuid AND r.day_ends_at > now() LIMIT 1
        ), 0) + (wanted.value ->> 1)::integer > g.per_recipient
    )
),
{_counting(*_OF_EACH)}
"""  # noqa: S608 - our own names
_COUNTED_MANY = " WHERE (SELECT count(*) FROM recipients) = (SELECT json_array_length(recipients) FROM fits)"
_AFTER_MANY = _after("n", "fits WHERE (SELECT count(*) FROM made) = n")
