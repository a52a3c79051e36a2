"""Networks of known kinds in a compact form, and what an address is known for.

A table is two arrays, the firsts and the lasts of its ranges, sorted and apart from each other: 16 bytes a range, found
by bisection. A trie of Python objects would take fifty times the memory. An IPv6 address counts by its first 64 bits:
that much is one household's or one server's, which can call from any address in it.
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
"""The age from which a list of Tor exits, VPNs or proxies says nothing: their addresses change hands within days."""


class RangeTable:
    """Ranges of numbers below 2**64."""

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
        """Whether any range has a number of this span."""
        found = bisect_right(self._firsts, span[1])
        return found > 0 and span[0] <= self._lasts[found - 1]


def key_of(address: Address) -> int:
    """The number that an address is found by."""
    return int(address) if address.version == 4 else int(address) >> 64


class NetworkList(Protocol):
    """Something that knows addresses: tables of ours, or a database with a library of its own."""

    @property
    def size(self) -> int:
        """How many networks are listed."""

    def kinds_of(self, address: Address) -> list[ProxyKind]:
        """What this address is known for."""


class Tables:
    """Ranges by kind, of both versions; `size` counts them as they were listed, before those that touch are joined."""

    def __init__(self, ranges: Mapping[ProxyKind, tuple[Collection[Range], Collection[Range]]]) -> None:
        self.size = sum(len(v4) + len(v6) for v4, v6 in ranges.values())
        self.by_kind = {kind: (RangeTable(v4), RangeTable(v6)) for kind, (v4, v6) in ranges.items()}
        self._by_version = tuple(
            [(kind, pair[version]) for kind, pair in self.by_kind.items() if len(pair[version])] for version in (0, 1)
        )

    def kinds_of(self, address: Address) -> list[ProxyKind]:
        """What this address is known for."""
        number = key_of(address)
        return [kind for kind, table in self._by_version[address.version == 6] if number in table]


@dataclass(frozen=True, slots=True)
class NetworkMatch:
    """What speaks for a proxy of this kind: a list and from when it is, or the headers that a proxy left."""

    kind: ProxyKind
    source: str
    dated: datetime | None


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an invitation was asked for: the address, by a program or a person, and what speaks for a proxy.

    `sources` are the lists that were asked; `gaps` says, in a sentence each, which ones could not answer.
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
