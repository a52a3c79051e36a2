"""Where a request comes from: the peer's address, or what the proxies in front say, if they are ours.

`X-Forwarded-For` is read from the right: each of our own proxies has added what it saw, and the first address that is
none of theirs is the caller's. Whatever stands further left the caller wrote, and nothing is believed of it; but that
something stands there is a trace of a proxy on the way, and so is a `Via` that none of ours has added. Where one of our
proxies has written what can't be read, the address is unknown: its own would be everybody's.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address

from shared.settings.types import Network

Address = IPv4Address | IPv6Address

# Headers that proxies of people put in; some load balancers do too, so they count only where none of ours is in front.
_TELLTALES = ("Proxy-Connection", "X-Proxy-ID", "X-Proxy-Connection")
PROXY_HEADERS = ("X-Forwarded-For", "Via", "Forwarded", *_TELLTALES)
"""All headers that `find_client` looks at."""

# Azure and AWS write the caller's port too, and quotes are left over from `Forwarded`.
_IN_BRACKETS = re.compile(r"\[([^\[\]]+)\](?::\d{1,5})?")
_WITH_PORT = re.compile(r"([\d.]+):\d{1,5}")
_LONGEST_KEY = 64


@dataclass(frozen=True, slots=True)
class Client:
    """The caller's address, an IPv4-mapped one as IPv4, or None; and the headers in which a proxy has named itself.

    `unread` is what one of our proxies wrote in place of an address that can be read.
    """

    address: str | None
    traces: tuple[str, ...] = ()
    unread: str = ""

    @property
    def key(self) -> str:
        """The name to count this caller's requests under: where the address is unknown, what the proxy calls it."""
        return self.address or f"unknown {self.unread[:_LONGEST_KEY]}"


def find_client(peer: str | None, headers: Mapping[str, Sequence[str]], trusted: Sequence[Network]) -> Client:
    """Who called, by the peer's address and what each header says, given its lines in their order."""
    if not headers:
        return _client_at(peer)
    seen, ours, unread = _parsed(peer), 0, ""
    hops = _entries(headers, "X-Forwarded-For")
    while seen is not None and _within(seen, trusted):
        ours += 1
        if not hops:
            # A header without a single entry is unreadable too; without the header, the proxy itself calls.
            seen = None if ours == 1 and "X-Forwarded-For" in headers else seen
            break
        unread = hops.pop().strip()
        seen = _parsed(unread)
    # Each proxy of ours may have added itself to these; what goes beyond was there before.
    named = [name for name in ("Via", "Forwarded") if len(_entries(headers, name)) > ours]
    named += ["X-Forwarded-For"] if hops else []
    named += [name for name in _TELLTALES if _entries(headers, name) and not ours]
    return Client(str(seen) if seen else None, tuple(named), "" if seen else unread)


@lru_cache(maxsize=1024)
def _client_at(peer: str | None) -> Client:
    """Who called where no header says more than the connection does: the same ones, again and again."""
    seen = _parsed(peer)
    return Client(str(seen) if seen else None)


def _entries(headers: Mapping[str, Sequence[str]], name: str) -> list[str]:
    return [entry for line in headers.get(name, ()) for entry in line.split(",") if entry.strip()]


def _parsed(text: str | None) -> Address | None:
    """The address of an entry: alone, with a port, in brackets or quotes, with the zone of a link."""
    plain = (text or "").strip().strip('"')
    found = _IN_BRACKETS.fullmatch(plain) or _WITH_PORT.fullmatch(plain)
    try:
        address = ip_address((found[1] if found else plain).partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _within(address: Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks if network.version == address.version)
