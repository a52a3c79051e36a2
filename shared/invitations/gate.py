"""The statement that counts invitations and writes them at once if all of them fit within their limits."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from shared.checks.limits import quotas_of, recipient_of
from shared.db.bulk import Gate
from shared.email_address import EmailAddress
from shared.errors import Quota
from shared.invitations.usage import Bounds, json_text, unless_over


def admit_all(bounds: Bounds, addresses: Sequence[EmailAddress]) -> Gate:
    """A gate that admits and counts these invitations if all of them fit; else none is written or counted.

    The statement fails with `InvalidTextRepresentation` if the counts changed between its check and its write.
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
    many = (
        *values,
        bounds.per_recipient,
        len(addresses),
        json_text(sorted(recipients.items())),
        json_text(domains),
    )
    return Gate(_BEFORE_MANY, _COUNTED_MANY, _AFTER_MANY, _ANSWER, many)


def left(bounds: Bounds, answer: Sequence[Any]) -> tuple[Quota, ...]:
    """The remaining quotas, from the row that the gate returns."""
    _, hour, hour_left, day, day_left, inviter, inviter_left = answer
    return quotas_of(bounds.limits, (hour, hour_left), (day, day_left), (inviter, inviter_left))


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
ON CONFLICT (recipient) DO UPDATE SET count = {unless_over("r", "day", "count", "0")} + excluded.count,
day_ends_at = {unless_over("r", "day", "day_ends_at", "excluded.day_ends_at")}
WHERE {unless_over("r", "day", "count", "0")} + excluded.count <= {most}
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
