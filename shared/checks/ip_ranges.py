"""Compact tables of IP ranges by kind of network, and lookups of an address in them.

A table is two sorted arrays, the first and last addresses of disjoint ranges. It takes 16 bytes a range and is searched
by bisection. A trie of Python objects would take fifty times the memory. An IPv6 address is reduced to its first 64
bits, because one household or server usually owns all addresses that share them.
"""

from array import array
from bisect import bisect_right
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv6Address
from typing import Protocol

from shared.policy import ProxyKind

Address = IPv4Address | IPv6Address
Range = tuple[int, int]

TOO_OLD = timedelta(days=7)
"""Age at which a list of Tor exits, VPNs or proxies is ignored. Their addresses change owners within days."""


class RangeTable:
    """A set of ranges of integers below 2**64."""

    def __init__(self, ranges: Iterable[Range]) -> None:
        apart = _merged(ranges)
        self._firsts = array("Q", (first for first, _ in apart))
        self._lasts = array("Q", (last for _, last in apart))

    def __len__(self) -> int:
        return len(self._firsts)

    def __contains__(self, number: int) -> bool:
        found = bisect_right(self._firsts, number)
        return found > 0 and number <= self._lasts[found - 1]

    def overlaps(self, span: Range) -> bool:
        """Return True if any range overlaps `span`, both ends included."""
        found = bisect_right(self._firsts, span[1])
        return found > 0 and span[0] <= self._lasts[found - 1]


def key_of(address: Address) -> int:
    """The integer to look up: the whole IPv4 address, or the first 64 bits of an IPv6 address."""
    return int(address) if address.version == 4 else int(address) >> 64


class NetworkList(Protocol):
    """A list of networks, backed by our own tables or by a database with its own library."""

    @property
    def size(self) -> int:
        """Number of networks in the list."""

    def kinds_of(self, address: Address) -> list[ProxyKind]:
        """Kinds of network that this address belongs to."""


class Tables:
    """Range tables by kind, for IPv4 and IPv6. `size` counts the ranges before adjacent ones are merged."""

    def __init__(self, ranges: Mapping[ProxyKind, tuple[Collection[Range], Collection[Range]]]) -> None:
        self.size = sum(len(v4) + len(v6) for v4, v6 in ranges.values())
        self.by_kind = {kind: (RangeTable(v4), RangeTable(v6)) for kind, (v4, v6) in ranges.items()}
        self._by_version = tuple(
            [(kind, pair[version]) for kind, pair in self.by_kind.items() if len(pair[version])] for version in (0, 1)
        )

    def kinds_of(self, address: Address) -> list[ProxyKind]:
        """Kinds of network that this address belongs to."""
        number = key_of(address)
        return [kind for kind, table in self._by_version[address.version == 6] if number in table]


@dataclass(frozen=True, slots=True)
class NetworkMatch:
    """Evidence for a proxy of this kind: a list with its date, or headers that a proxy added."""

    kind: ProxyKind
    source: str
    dated: datetime | None


@dataclass(frozen=True, slots=True)
class Origin:
    """Origin of an invitation request: the IP address, the kind of caller, and evidence for a proxy.

    `by_program` is True for API keys. `sources` names the lists used. `gaps` has a sentence for each list that gave no
    answer.
    """

    address: str | None = None
    by_program: bool = False
    traces: tuple[str, ...] = ()
    hits: tuple[NetworkMatch, ...] = ()
    sources: tuple[str, ...] = ()
    oldest: datetime | None = None
    gaps: tuple[str, ...] = ()


def _merged(ranges: Iterable[Range]) -> list[Range]:
    apart: list[Range] = []
    for first, last in sorted(ranges):
        if apart and first <= apart[-1][1] + 1:
            apart[-1] = (apart[-1][0], max(last, apart[-1][1]))
        else:
            apart.append((first, last))
    return apart
