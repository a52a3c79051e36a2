"""Reads network lists in their published formats, and refuses implausible ones.

A list that contains everyone or private networks would block whole offices, and one that shrinks by half was cut off.
Such a list raises `BadList`, and the caller keeps the previous one.
"""

import csv
import io
import threading
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from ipaddress import ip_address, ip_network
from pathlib import Path
from shutil import copyfile
from socket import AF_INET, AF_INET6, inet_pton
from tempfile import TemporaryDirectory
from typing import Any

from IP2Proxy import IP2Proxy

from shared.checks.ip_ranges import Address, NetworkList, Range, Tables, key_of
from shared.networks import mmdb
from shared.policy import ProxyKind

BITS = {4: 32, 6: 128}
WIDEST = {4: 8, 6: 16}
"""The shortest prefix of a network in a list, by IP version. No VPN is a larger part of the internet."""

LARGEST = 256 * 1024 * 1024
"""Maximum size of a list in bytes."""

# Networks that no list may contain: the unspecified address, this machine, private and carrier networks.
_NEVER = tuple(
    ip_network(text)
    for text in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.168.0.0/16", "::/64", "fc00::/7", "fe80::/10"),
    )
)

_MMDB_KINDS = {
    "is_tor_exit_node": ProxyKind.TOR,
    "is_public_proxy": ProxyKind.PROXY,
    "is_residential_proxy": ProxyKind.PROXY,
    "is_anonymous_vpn": ProxyKind.VPN,
    "is_hosting_provider": ProxyKind.DATACENTER,
}
# SES are search engine robots, which invite no one. The last two are people behind a privacy relay and at work.
_IP2PROXY_KINDS = {
    "TOR": ProxyKind.TOR,
    "PUB": ProxyKind.PROXY,
    "WEB": ProxyKind.PROXY,
    "RES": ProxyKind.PROXY,
    "VPN": ProxyKind.VPN,
    "DCH": ProxyKind.DATACENTER,
    "SES": ProxyKind.DATACENTER,
    "AIC": ProxyKind.DATACENTER,
    "CPN": ProxyKind.RELAY,
    "EPN": ProxyKind.ENTERPRISE,
}


class BadList(ValueError):
    """Raised for a list that is unreadable or implausible. The message explains why in one sentence."""


def read_list(kind: str, path: Path) -> NetworkList:
    """Read the list in this file. Raises `BadList`."""
    try:
        if path.stat().st_size > LARGEST:
            raise BadList(f"It is larger than {LARGEST} bytes.")
        if kind == "mmdb":
            return _read_mmdb(path)
        if kind == "ip2proxy":
            return Ip2ProxyDatabase(path)
        return _read_lines(ProxyKind(kind), path.read_text("utf-8"))
    except BadList:
        raise
    # The libraries raise arbitrary errors for broken bytes. None of them may end a process.
    except Exception as error:
        raise BadList(f"It can't be read: {type(error).__name__}: {error}") from error


def refuse_shrunken(before: int, after: int) -> None:
    """Raise `BadList` if a list lost more than half of its networks, because it was cut off."""
    if after * 2 < before:
        raise BadList(f"It has shrunk from {before} networks to {after}.")


class Ip2ProxyDatabase:
    """An IP2Proxy BIN, queried through its own library. A lock serializes lookups, which share one file handle."""

    def __init__(self, path: Path) -> None:
        self._database = IP2Proxy()
        self._lock = threading.Lock()
        try:
            # Lookups read from the file, so it is copied first. A replaced original then changes nothing.
            with TemporaryDirectory(prefix="usher-list-") as folder:
                self._database.open(copyfile(path, f"{folder}/list"))
            self.size = int(self._database._ipv4dbcount + self._database._ipv6dbcount)
            self._refuse_unmeant()
        except Exception:
            self._database.close()
            raise

    def _refuse_unmeant(self) -> None:
        if self.size == 0 or self._database._dbtype < 2:
            raise BadList("It contains no kinds of proxies. Use PX2 or a larger edition.")
        if any(self.kinds_of(network.network_address + 1) for network in _NEVER[:-1] if network.version == 4):
            raise BadList("It lists private addresses.")
        if self._type_of(ip_address("192.0.2.1")) not in {"-", *_IP2PROXY_KINDS}:
            raise BadList("It is incomplete: its answers make no sense.")

    def kinds_of(self, address: Address) -> list[ProxyKind]:
        """The kinds of proxies that this address is known for."""
        kind = _IP2PROXY_KINDS.get(self._type_of(address))
        return [] if kind is None else [kind]

    def _type_of(self, address: Address) -> str:
        with self._lock:
            return str(self._database.get_proxy_type(str(address)))


class _RangeBuilder:
    """Collects the ranges of a list while it is read."""

    def __init__(self) -> None:
        self._ranges: dict[ProxyKind, tuple[list[Range], list[Range]]] = {}

    def add(self, kind: ProxyKind, first: int, version: int, prefix: int) -> None:
        """Add a network. Raises `BadList` if it is implausibly wide."""
        if not WIDEST[version] <= prefix <= BITS[version]:
            raise BadList(f"It lists a network with the implausible prefix /{prefix}.")
        if version == 6:
            # IPv6 networks narrower than a household's /64 count as that /64.
            first, prefix = first >> 64, min(prefix, 64)
        span = 1 << ((32 if version == 4 else 64) - prefix)
        first -= first % span
        self._ranges.setdefault(kind, ([], []))[version == 6].append((first, first + span - 1))

    def tables(self) -> Tables:
        """The finished tables. Raises `BadList` if they are empty or contain a forbidden network."""
        tables = Tables(self._ranges)
        if tables.size == 0:
            raise BadList("It is empty.")
        for never in _NEVER:
            span = key_of(never.network_address), key_of(never.broadcast_address)
            if any(pair[never.version == 6].overlaps(span) for pair in tables.by_kind.values()):
                raise BadList(f"It lists addresses in {never}, which are private.")
        return tables


def _read_lines(kind: ProxyKind, text: str) -> Tables:
    gathered = _RangeBuilder()
    for number, word in _words(text):
        address, slash, prefix = word.partition("/")
        version = 6 if ":" in address else 4
        try:
            packed = inet_pton(AF_INET6 if version == 6 else AF_INET, address)
            length = int(prefix) if slash else BITS[version]
        except (OSError, ValueError):
            raise BadList(f"Line {number} is not a network: {word[:40]!r}.") from None
        gathered.add(kind, int.from_bytes(packed, "big"), version, length)
    return gathered.tables()


def _words(text: str) -> Iterator[tuple[int, str]]:
    """The networks of a list with their line numbers. A comma in the first line makes it a table (Tor's, Apple's)."""
    lines = text.splitlines()
    first = next((line for line in lines if line.strip() and not line.startswith("#")), "")
    if "," in first:
        rows = csv.reader(io.StringIO(text), skipinitialspace=True)
        yield from _column(rows)
        return
    for number, line in enumerate(lines, 1):
        word = line.partition("#")[0].strip()
        if word:
            yield number, word


def _column(rows: Iterable[list[str]]) -> Iterator[tuple[int, str]]:
    """The address column: the one named in the header, or the first if there is no header."""
    wanted = None
    for number, row in enumerate(rows, 1):
        if not row or row[0].startswith("#"):
            continue
        if wanted is None:
            names = [cell.strip().lower() for cell in row]
            named = [names.index(name) for name in ("ipaddr", "ip", "address", "cidr", "network") if name in names]
            wanted = named[0] if named else 0
            if named:
                continue
        if len(row) <= wanted:
            raise BadList(f"Line {number} is cut off.")
        yield number, row[wanted].strip()


def _read_mmdb(path: Path) -> Tables:
    """Read the whole database, so broken parts show now and not during an invitation."""
    edition = mmdb.edition_of(path)
    if "Anonymous" not in edition:
        raise BadList(f"It is a database of {edition!r}, not of Anonymous IP or Anonymous Plus.")
    gathered = _RangeBuilder()
    for first, version, prefix, record in mmdb.walk(path):
        for kind in _kinds_in(record):
            gathered.add(kind, first, version, prefix)
    return gathered.tables()


def _kinds_in(record: Any) -> set[ProxyKind]:
    if not isinstance(record, dict):
        raise BadList("It contains an invalid record.")
    kinds = {kind for flag, kind in _MMDB_KINDS.items() if record.get(flag) is True}
    # Anonymous in a way that the database doesn't name, so it counts as the mildest anonymous kind.
    return kinds or ({ProxyKind.VPN} if record.get("is_anonymous") is True else set())


def modified_at(path: Path) -> datetime:
    """The file's modification time in UTC."""
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)
