"""Limits on guessing passwords and keys. Each attempt is counted first, and too many are slowed down.

A correct password takes its own attempt back. No one is locked out: the longest wait is 15 minutes, and the networks
and devices where a person has signed in before are counted apart from strangers.
"""

import hashlib
from collections.abc import Callable
from datetime import timedelta
from ipaddress import IPv6Address, ip_address, ip_network
from typing import TypeVar

from prometheus_client import Counter

from shared.accounts import api_keys
from shared.email_address import masked
from shared.errors import TooSoon, Unauthenticated
from shared.limits import rate_limits
from shared.limits.rate_limits import Pace
from shared.observability import log
from shared.tokens import is_drawn
from web.database import apart

Found = TypeVar("Found")
Bucket = tuple[str, Pace]
"""The key that attempts are counted under, and how they are slowed down."""

FAILED = Counter("usher_failed_sign_ins", "Sign-ins and credentials that were refused, by reason.", ["reason"])
"""By `password`, `operator_key`, `token` (an unknown bearer token) and `rate_limited`.

A wrong password and an unknown address have one reason, since `/metrics` may be public.
"""

_HOUR, _QUARTER = timedelta(hours=1), timedelta(minutes=15)
_ACCOUNT = Pace(free=10, shortest=timedelta(seconds=30), longest=_QUARTER, forgotten_after=_HOUR)
_CALLER = Pace(free=30, shortest=timedelta(seconds=15), longest=_QUARTER, forgotten_after=_HOUR)
# The longest wait is short, since the operator may share a network with a guesser.
_KEYS = Pace(free=30, shortest=timedelta(seconds=1), longest=timedelta(minutes=1), forgotten_after=_HOUR)


def tried(
    attempt: Callable[[], Found],
    *buckets: Bucket,
    origin: str | None,
    reason: str = "password",
    address: str = "",
) -> Found:
    """Run the attempt and return its result. It is counted in every bucket first, and taken back if it succeeds.

    Raises `TooSoon` without an attempt while a bucket has to wait, and whatever the attempt raises.
    """
    try:
        with apart() as session:
            for key, pace in buckets:
                rate_limits.take(session, key, pace)
    except TooSoon:
        report("rate_limited", origin=origin, address=address)
        raise
    try:
        found = attempt()
    except Unauthenticated:
        report(reason, origin=origin, address=address)
        raise
    with apart() as session:
        for key, _ in buckets:
            rate_limits.give_back(session, key)
    return found


def on_account(address_key: str, place: str) -> Bucket:
    """Return the bucket for one address, from a `place` known for its owner, or ("") from all other places together."""
    return _key("account", address_key, place), _ACCOUNT


def on_anything(*who: str) -> Bucket:
    """Return the bucket for a subject that has its own password, such as a link."""
    return _key("password", *who), _ACCOUNT


def from_caller(network: str) -> Bucket:
    """Return the bucket for one caller, across all addresses."""
    return _key("caller", network), _CALLER


def on_keys(network: str) -> Bucket:
    """Return the bucket for the operator keys that one caller tries."""
    return _key("keys", network), _KEYS


def on_tokens(network: str) -> Bucket:
    """Return the bucket for one caller's session tokens and API keys that aren't valid."""
    return _key("tokens", network), _KEYS


def count_unknown_token(network: str, token: str, *, origin: str | None) -> None:
    """Count an unknown bearer token. Raises `TooSoon` beyond the limit, and writes nothing more until then.

    An ended session or a revoked key in some program must not keep the operator out. Such tokens are counted apart,
    since 256 random bits are no guess at an operator key.
    """
    key, pace = on_tokens(network) if is_drawn(token.removeprefix(api_keys.PREFIX)) else on_keys(network)
    with apart() as session:
        rate_limits.refuse_waiting(session, key)
        rate_limits.take(session, key, pace)
    report("token", origin=origin)


def refuse_operator_key(network: str) -> None:
    """Raise `TooSoon`, even for the correct key, while this caller has to wait after wrong ones. Writes nothing."""
    with apart() as session:
        rate_limits.refuse_waiting(session, on_keys(network)[0])


def report(reason: str, *, origin: str | None, address: str = "") -> None:
    """Count and log a refused sign-in or credential."""
    FAILED.labels(reason).inc()
    shown = masked(address) if address else None
    log.get(__name__).warning("sign-in refused", reason=reason, origin=origin, address=shown)


def network_of(origin: str | None) -> str:
    """Return the network of one caller: an IPv4 address or an IPv6 /64; empty if the address is unknown."""
    if origin is None:
        return ""
    address = ip_address(origin)
    return str(ip_network((address, 64), strict=False)) if isinstance(address, IPv6Address) else origin


def _key(what: str, *who: str) -> str:
    return f"{what}:{hashlib.sha256(repr(who).encode()).hexdigest()}"
