"""Limits on inviting, and which invitations of a batch fit within them. Pure: counts in, refusals out."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from fractions import Fraction
from hashlib import sha256
from math import ceil

from shared.checks.contract import Terms
from shared.email_address import EmailAddress
from shared.errors import LimitReached, Quota, Reason, Who
from shared.settings.settings import Settings

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
_HOUR_SECONDS, _DAY_SECONDS = 3600, 86400

Used = tuple[int, int]
"""The amount used, and the seconds until it resets."""

LARGEST_FACTOR = 10
"""Maximum multiple of the base limits that an account gets through its committed spend."""

_DOTS_IGNORED = frozenset({"gmail.com", "googlemail.com"})


@dataclass(frozen=True, slots=True)
class Limits:
    """Maximum numbers of invitations per account. `inviter_per_hour` applies to one user or key across all accounts."""

    invitations_per_hour: int
    invitations_per_day: int
    open_invitations: int
    new_domains_per_day: int
    inviter_per_hour: int

    def as_json(self) -> dict[str, int]:
        """The limits by the names under which the operator sets them."""
        return asdict(self)


@dataclass(slots=True)
class Window:
    """The amount used in the current hour or day, and the end of that period."""

    used: int
    ends_at: datetime


@dataclass(slots=True)
class Usage:
    """Usage of an account and an inviter at the time `at`.

    `recipients` and `domains` contain only the entries that were loaded.
    """

    hour: Window
    day: Window
    domains_used: int
    open_used: int
    inviter: Window
    at: datetime
    recipients: dict[str, Window] = field(default_factory=dict)
    domains: set[str] = field(default_factory=set)
    new_domains: set[str] = field(default_factory=set)

    def count(self, address: EmailAddress, *, opens: bool = True) -> None:
        """Count one email to this address. `opens` is False if the invitation is already open."""
        self.hour.used += 1
        self.day.used += 1
        self.inviter.used += 1
        self.open_used += opens
        if address.domain not in self.domains:
            self.domains_used += 1
            self.domains.add(address.domain)
            self.new_domains.add(address.domain)
        self.recipients.setdefault(recipient_of(address), Window(0, self.at + DAY)).used += 1


def limits_of(settings: Settings, terms: Terms | None, overrides: Mapping[str, int] | None) -> Limits:
    """The limits of an account: the operator's overrides, otherwise the base limits scaled by its committed spend."""
    factor = _factor(settings, terms)
    usual = {
        "invitations_per_hour": int(settings.invitations_per_hour * factor),
        "invitations_per_day": int(settings.invitations_per_day * factor),
        "open_invitations": int(settings.invitations_open * factor),
        "new_domains_per_day": int(settings.new_domains_per_day * factor),
        "inviter_per_hour": int(settings.invitations_per_inviter * factor),
    }
    return Limits(**(usual | dict(overrides or {})))


def admit(
    addresses: Sequence[EmailAddress], limits: Limits, per_recipient: int, usage: Usage, *, opens: bool = True
) -> list[LimitReached | None]:
    """The limit that blocks each address, in order, or None. Counts the admitted addresses in `usage`."""
    answers: list[LimitReached | None] = []
    for address in addresses:
        refusal = _refusal(address, limits, per_recipient, usage, opens)
        if refusal is None:
            usage.count(address, opens=opens)
        answers.append(refusal)
    return answers


def exhausted(limits: Limits, usage: Usage) -> list[Reason]:
    """Limits that currently block all invitations."""
    found = _of_account(limits, usage, opens=True)
    return [reason for refusal in found for reason in refusal.reasons]


def quotas(limits: Limits, usage: Usage) -> tuple[Quota, ...]:
    """Remaining quotas of the limits that reset with time."""
    windows = usage.hour, usage.day, usage.inviter
    return quotas_of(limits, *((each.used, _left(each, usage.at)) for each in windows))


def quotas_of(limits: Limits, hour: Used, day: Used, inviter: Used) -> tuple[Quota, ...]:
    """Remaining quotas, from the amount used and the seconds until the reset of each limit."""
    return (
        _quota("hour", limits.invitations_per_hour, hour, _HOUR_SECONDS),
        _quota("day", limits.invitations_per_day, day, _DAY_SECONDS),
        _quota("inviter", limits.inviter_per_hour, inviter, _HOUR_SECONDS),
    )


def recipient_of(address: EmailAddress) -> str:
    """Key for counting emails to one person: a hash of the address without its +tag, and without dots for Gmail.

    32 hexadecimal digits, which fit a PostgreSQL UUID.
    """
    return sha256(folded(address).encode()).hexdigest()[:32]


def folded(address: EmailAddress) -> str:
    """The mailbox that this address most likely delivers to. Use it for counting, never for sending."""
    local = address.key.rpartition("@")[0].partition("+")[0] or address.key.rpartition("@")[0]
    if address.domain in _DOTS_IGNORED:
        return f"{local.replace('.', '')}@gmail.com"
    return f"{local}@{address.domain}"


def _factor(settings: Settings, terms: Terms | None) -> Fraction:
    """The committed spend as a multiple of the minimum. A decimal would be rounded, and then every limit with it."""
    least = settings.minimum_commitment
    if terms is None or terms.currency != least.currency or least.amount <= 0:
        return Fraction(1)
    return max(Fraction(1), min(Fraction(LARGEST_FACTOR), Fraction(terms.amount) / Fraction(least.amount)))


def _refusal(
    address: EmailAddress, limits: Limits, per_recipient: int, usage: Usage, opens: bool
) -> LimitReached | None:
    refusal: LimitReached | None = next(_of_account(limits, usage, opens=opens), None)
    if refusal is None and address.domain not in usage.domains and usage.domains_used >= limits.new_domains_per_day:
        refusal = _reached("new domain", "new_domains_per_day", limits.new_domains_per_day, usage.day, DAY, usage.at)
    mailed = usage.recipients.get(recipient_of(address)) or Window(0, usage.at + DAY)
    if refusal is None and mailed.used >= per_recipient:
        refusal = _recipient_reached(address, per_recipient, mailed, usage.at)
    return refusal


def _of_account(limits: Limits, usage: Usage, *, opens: bool) -> Iterator[LimitReached]:
    at = usage.at
    if usage.hour.used >= limits.invitations_per_hour:
        yield _reached("hour", "invitations_per_hour", limits.invitations_per_hour, usage.hour, HOUR, at)
    if usage.day.used >= limits.invitations_per_day:
        yield _reached("day", "invitations_per_day", limits.invitations_per_day, usage.day, DAY, at)
    if usage.inviter.used >= limits.inviter_per_hour:
        yield _reached("inviter", "inviter_per_hour", limits.inviter_per_hour, usage.inviter, HOUR, at)
    if opens and usage.open_used >= limits.open_invitations:
        yield _open_reached(limits.open_invitations)


_SENTENCES = {
    "hour": "This account can create {limit:,} invitations an hour and has reached that limit.",
    "day": "This account can create {limit:,} invitations a day and has reached that limit.",
    "inviter": "You can create {limit:,} invitations an hour across all accounts and have reached that limit.",
    "new domain": "This account can invite people at {limit:,} new domains a day and has reached that limit.",
}


def _reached(which: str, name: str, limit: int, window: Window, span: timedelta, at: datetime) -> LimitReached:
    remedy = f"Try again after {_moment(window.ends_at)}, or ask the operator to raise `{name}` for this account."
    reason = _reason(_SENTENCES[which].format(limit=limit), remedy)
    return _limit_reached(reason, Quota(which.replace(" ", "-"), limit, 0, _seconds(span), _left(window, at)))


def _recipient_reached(address: EmailAddress, limit: int, window: Window, at: datetime) -> LimitReached:
    message = (
        f"{address.shown} can get {limit:,} invitation emails a day across all accounts and has been sent that many."
    )
    remedy = f"Try again after {_moment(window.ends_at)}, or ask the operator to raise USHER_EMAILS_PER_RECIPIENT."
    return _limit_reached(_reason(message, remedy), Quota("recipient", limit, 0, _DAY_SECONDS, _left(window, at)))


def _open_reached(limit: int) -> LimitReached:
    message = f"This account can have {limit:,} pending invitations at a time and has reached that limit."
    remedy = "Revoke invitations that you no longer need, or ask the operator to raise `open_invitations`."
    return _limit_reached(_reason(message, remedy), Quota("open", limit, 0, None, _HOUR_SECONDS))


def _limit_reached(reason: Reason, quota: Quota) -> LimitReached:
    return LimitReached([reason], quotas=(quota,))


def _reason(message: str, remedy: str) -> Reason:
    return Reason("invitation_limit", message, remedy, Who.OPERATOR)


def _quota(name: str, limit: int, used: Used, window: int) -> Quota:
    count, resets_in = used
    return Quota(name, limit, max(0, limit - count), window, resets_in)


def _left(window: Window, at: datetime) -> int:
    return max(1, ceil((window.ends_at - at).total_seconds()))


def _seconds(span: timedelta) -> int:
    return int(span.total_seconds())


def _moment(when: datetime) -> str:
    return f"{when:%Y-%m-%d %H:%M} UTC"
