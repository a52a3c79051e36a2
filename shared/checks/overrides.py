"""Exceptions to the lists: which ones apply to an address, and their precedence.

An account's exceptions take precedence over the installation's, and allow takes precedence over block. A domain matches
exactly. `*.` before it matches all of its subdomains instead. Blocking a domain also blocks its subdomains.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from shared.email_address import EmailAddress
from shared.policy import Effect, Subject


@dataclass(frozen=True, slots=True)
class Override:
    """One exception for the checks. `of_account` is True for an account's, False for the installation's."""

    id: str
    effect: Effect
    subject: Subject
    value: str
    of_account: bool


def of_recipient(overrides: Iterable[Override], address: EmailAddress) -> Override | None:
    """The exception that decides about this address, or None."""
    about = (each for each in overrides if each.effect is not Effect.ONLY and _is_about(each, address))
    return _first(about)


def of_network(overrides: Iterable[Override], address: str) -> Override | None:
    """The exception that decides about requests from this IP address, or None."""
    caller = ip_address(address)
    networks = (each for each in overrides if each.subject is Subject.NETWORK)
    return _first(each for each in networks if caller in ip_network(each.value))


def only_domains(overrides: Iterable[Override]) -> Iterator[Override]:
    """The only domains that an account may invite to. Empty if it has no such restriction."""
    return (each for each in overrides if each.effect is Effect.ONLY)


def covers(value: str, domain: str) -> bool:
    """Return True if the exception's domain `value` matches `domain`."""
    return domain.endswith(value[1:]) if value.startswith("*.") else domain == value


def _is_about(override: Override, address: EmailAddress) -> bool:
    if override.subject is Subject.ADDRESS:
        return override.value == address.key
    if override.subject is not Subject.DOMAIN:
        return False
    below = override.effect is Effect.BLOCK and address.domain.endswith("." + override.value)
    return below or covers(override.value, address.domain)


def _first(found: Iterable[Override]) -> Override | None:
    order = [(True, Effect.ALLOW), (True, Effect.BLOCK), (False, Effect.ALLOW), (False, Effect.BLOCK)]
    return min(found, key=lambda each: order.index((each.of_account, each.effect)), default=None)
