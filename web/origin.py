"""Where a request comes from: the peer's address, or what the proxies in front say, if they are ours.

`X-Forwarded-For` is read from the right: each of our own proxies has added what it saw, and the first address that is
none of theirs is the caller's. Whatever stands further left the caller wrote, and nothing is believed of it.
"""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address

from shared.config import Network

Address = IPv4Address | IPv6Address


def caller_address(peer: str | None, forwarded_for: str | None, trusted: Sequence[Network]) -> str | None:
    """The caller's address, an IPv4-mapped one as IPv4; None where there is none to be had."""
    seen = _parsed(peer)
    hops = [] if forwarded_for is None else forwarded_for.split(",")
    while seen is not None and hops and _within(seen, trusted):
        further = _parsed(hops.pop())
        if further is None:
            break
        seen = further
    return str(seen) if seen else None


def _parsed(text: str | None) -> Address | None:
    try:
        address = ip_address((text or "").strip())
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _within(address: Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks if network.version == address.version)
