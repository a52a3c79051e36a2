"""Reads lists of networks in the formats that they are published in, and refuses those that can't be meant.

A list that names everybody or private space would block whole offices, and one that shrinks by half was cut off: such a
list is `BadList`, and whoever loads it keeps the one before.
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
"""The shortest prefix that a network of a list may have; nobody's VPN is a larger part of the Internet than that."""

LARGEST = 256 * 1024 * 1024
"""The most bytes that a list may have."""

# What no list may hold: the address without meaning, this machine, private networks, and those of carriers.
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
# SES are search engines' robots, which invite nobody; the last two are people behind a privacy relay and at work.
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
    """The list can't be read or can't be meant; the message says why in a sentence."""


def read_list(kind: str, path: Path) -> NetworkList:
    """The list in this file; raises `BadList`."""
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
    # The libraries raise whatever a broken byte leads them to; none of it may stop a process.
    except Exception as error:
        raise BadList(f"It can't be read: {type(error).__name__}: {error}") from error


def refuse_shrunken(before: int, after: int) -> None:
    """Raise `BadList` for a list that has lost half of what it had: it was cut off."""
    if after * 2 < before:
        raise BadList(f"It has shrunk from {before} networks to {after}.")


class Ip2ProxyDatabase:
    """An IP2Proxy BIN, asked through its own library, one question at a time: it reads from one file handle."""

    def __init__(self, path: Path) -> None:
        self._database = IP2Proxy()
        self._lock = threading.Lock()
        try:
            # It is read as it is asked; whoever writes the file anew in its place must not change what we hold.
            with TemporaryDirectory(prefix="usher-list-") as folder:
                self._database.open(copyfile(path, f"{folder}/list"))
            self.size = int(self._database._ipv4dbcount + self._database._ipv6dbcount)
            self._refuse_unmeant()
        except Exception:
            self._database.close()
            raise

    def _refuse_unmeant(self) -> None:
        if self.size == 0 or self._database._dbtype < 2:
            raise BadList("It holds no kinds of proxies: take PX2 or a larger edition.")
        if any(self.kinds_of(network.network_address + 1) for network in _NEVER[:-1] if network.version == 4):
            raise BadList("It lists private addresses.")
        if self._type_of(ip_address("192.0.2.1")) not in {"-", *_IP2PROXY_KINDS}:
            raise BadList("It is not whole: it answers nothing that makes sense.")

    def kinds_of(self, address: Address) -> list[ProxyKind]:
        """What this address is known for."""
        kind = _IP2PROXY_KINDS.get(self._type_of(address))
        return [] if kind is None else [kind]

    def _type_of(self, address: Address) -> str:
        with self._lock:
            return str(self._database.get_proxy_type(str(address)))


class _RangeBuilder:
    """The ranges of a list while it is read."""

    def __init__(self) -> None:
        self._ranges: dict[ProxyKind, tuple[list[Range], list[Range]]] = {}

    def add(self, kind: ProxyKind, first: int, version: int, prefix: int) -> None:
        """Take a network in; raises `BadList` for one that is too wide to be meant."""
        if not WIDEST[version] <= prefix <= BITS[version]:
            raise BadList(f"It lists a network with the prefix /{prefix}, which nobody could mean.")
        if version == 6:
            # What is narrower than a household's 64 bits stands for all of it.
            first, prefix = first >> 64, min(prefix, 64)
        span = 1 << ((32 if version == 4 else 64) - prefix)
        first -= first % span
        self._ranges.setdefault(kind, ([], []))[version == 6].append((first, first + span - 1))

    def tables(self) -> Tables:
        """All of it; raises `BadList` where it is nothing, or holds what no list may hold."""
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
            raise BadList(f"Line {number} is no network: {word[:40]!r}.") from None
        gathered.add(kind, int.from_bytes(packed, "big"), version, length)
    return gathered.tables()


def _words(text: str) -> Iterator[tuple[int, str]]:
    """The networks of a list with their lines; a comma in the first line makes it a table (Tor's, Apple's)."""
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
    """The column of addresses: the one that the head names, or where there is no head the first."""
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
    """Read all of the database: what is broken anywhere in it shows now, and not when somebody is invited."""
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
        raise BadList("It holds a record that is none.")
    kinds = {kind for flag, kind in _MMDB_KINDS.items() if record.get(flag) is True}
    # Anonymous in a way that the database doesn't name; the mildest of the kinds that hide somebody.
    return kinds or ({ProxyKind.VPN} if record.get("is_anonymous") is True else set())


def modified_at(path: Path) -> datetime:
    """When the file was last written, in UTC."""
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)
