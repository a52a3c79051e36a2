"""The client address of a request: the peer's address, or what our own proxies report.

`X-Forwarded-For` is read from the right: each of our proxies has appended the address it saw, and the first address
that isn't one of ours is the client's. Everything further left was written by the client and isn't trusted. Its
presence is still a trace of a proxy on the way, as is a `Via` that none of our proxies has added. If one of our proxies
wrote something unreadable, the address is unknown: the proxy's own address would stand for every client.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address

from shared.settings.types import Network

Address = IPv4Address | IPv6Address

# Headers that people's own proxies add. Some load balancers do too, so they count only without a proxy of ours.
_TELLTALES = ("Proxy-Connection", "X-Proxy-ID", "X-Proxy-Connection")
PROXY_HEADERS = ("X-Forwarded-For", "Via", "Forwarded", *_TELLTALES)
"""All headers that `find_client` reads."""

# Azure and AWS append the client's port, and some proxies keep the quotes of `Forwarded`.
_IN_BRACKETS = re.compile(r"\[([^\[\]]+)\](?::\d{1,5})?")
_WITH_PORT = re.compile(r"([\d.]+):\d{1,5}")
_LONGEST_KEY = 64


@dataclass(frozen=True, slots=True)
class Client:
    """The client's address, or None if unknown, and the headers in which a proxy shows itself.

    An IPv4-mapped address is given as IPv4. `unread` is the unreadable text that one of our proxies wrote as an
    address.
    """

    address: str | None
    traces: tuple[str, ...] = ()
    unread: str = ""

    @property
    def key(self) -> str:
        """The key to count this client's requests under: its address, or what the proxy calls it."""
        return self.address or f"unknown {self.unread[:_LONGEST_KEY]}"


def find_client(peer: str | None, headers: Mapping[str, Sequence[str]], trusted: Sequence[Network]) -> Client:
    """Find the client from the peer's address and the lines of each header, in their order.

    Addresses in the `trusted` networks are our own proxies.
    """
    if not headers:
        return _client_at(peer)
    seen, ours, unread = _parsed(peer), 0, ""
    hops = _entries(headers, "X-Forwarded-For")
    while seen is not None and _within(seen, trusted):
        ours += 1
        if not hops:
            # An empty header is unreadable too. Without the header, the proxy itself is the client.
            seen = None if ours == 1 and "X-Forwarded-For" in headers else seen
            break
        unread = hops.pop().strip()
        seen = _parsed(unread)
    # Each of our proxies may have added itself to these. Any further entry was there before.
    named = [name for name in ("Via", "Forwarded") if len(_entries(headers, name)) > ours]
    named += ["X-Forwarded-For"] if hops else []
    named += [name for name in _TELLTALES if _entries(headers, name) and not ours]
    return Client(str(seen) if seen else None, tuple(named), "" if seen else unread)


@lru_cache(maxsize=1024)
def _client_at(peer: str | None) -> Client:
    """Return the client of a request without proxy headers. Cached, since the same peers come again and again."""
    seen = _parsed(peer)
    return Client(str(seen) if seen else None)


def _entries(headers: Mapping[str, Sequence[str]], name: str) -> list[str]:
    return [entry for line in headers.get(name, ()) for entry in line.split(",") if entry.strip()]


def _parsed(text: str | None) -> Address | None:
    """Parse the address in an entry, which may have a port, brackets, quotes or a zone."""
    plain = (text or "").strip().strip('"')
    found = _IN_BRACKETS.fullmatch(plain) or _WITH_PORT.fullmatch(plain)
    try:
        address = ip_address((found[1] if found else plain).partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _within(address: Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks if network.version == address.version)
