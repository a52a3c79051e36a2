"""Exceptions from the lists: which of them is about an address, and which goes before which.

The account's own go before the installation's, and what allows goes before what blocks. A domain is meant exactly; with
`*.` before it, all below it. A blocked domain takes what stands below it along.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from shared.email_address import EmailAddress
from shared.policy import Effect, Subject


@dataclass(frozen=True, slots=True)
class Override:
    """One exception as the checks see it; `of_account` tells whether it is the account's or the installation's."""

    id: str
    effect: Effect
    subject: Subject
    value: str
    of_account: bool


def of_recipient(overrides: Iterable[Override], address: EmailAddress) -> Override | None:
    """The exception that decides about this address, if there is one."""
    about = (each for each in overrides if each.effect is not Effect.ONLY and _is_about(each, address))
    return _first(about)


def of_network(overrides: Iterable[Override], address: str) -> Override | None:
    """The exception that decides about calls from this address, if there is one."""
    caller = ip_address(address)
    networks = (each for each in overrides if each.subject is Subject.NETWORK)
    return _first(each for each in networks if caller in ip_network(each.value))


def only_domains(overrides: Iterable[Override]) -> Iterator[Override]:
    """The domains beside which an account invites to no others; none where it has not said so."""
    return (each for each in overrides if each.effect is Effect.ONLY)


def covers(value: str, domain: str) -> bool:
    """Whether the domain of an exception means this one."""
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
