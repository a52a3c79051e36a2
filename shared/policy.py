"""The vocabulary that settings, rows and checks share: kinds of proxies, actions, and exceptions."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from shared.stored_enum import StoredEnum


class ProxyKind(StoredEnum):
    """The kinds of proxies between a person and this service. `header` is a proxy that identifies itself in the
    request.
    """

    TOR = "tor"
    PROXY = "proxy"
    VPN = "vpn"
    HEADER = "header"
    DATACENTER = "datacenter"
    RELAY = "relay"
    ENTERPRISE = "enterprise"


class ProxyAction(StrEnum):
    """Actions for a kind of proxy. `warn` lets the invitation through and records a warning."""

    BLOCK = "block"
    HOLD = "hold"
    WARN = "warn"
    OFF = "off"


class MailAnswer(StoredEnum):
    """DNS results for a domain: how it receives email, or why it can't."""

    MX = "mx"
    ADDRESS = "address"
    NULL_MX = "null_mx"
    NO_MAIL = "no_mail"
    NOT_FOUND = "not_found"
    UNKNOWN = "unknown"


class Effect(StoredEnum):
    """Effects of an exception. If an account has any `only`, no other domains can be invited."""

    ALLOW = "allow"
    BLOCK = "block"
    ONLY = "only"


class Subject(StoredEnum):
    """Subjects of an exception."""

    DOMAIN = "domain"
    ADDRESS = "address"
    NETWORK = "network"


ProxyPolicy = Mapping[ProxyKind, ProxyAction]

# Separate defaults for people and programs: servers run in data centers, and some connect through a company VPN.
FOR_PEOPLE = "tor=block,proxy=block,vpn=block,header=hold,datacenter=warn,relay=off,enterprise=off"
FOR_API_KEYS = "tor=block,proxy=block,vpn=warn,header=off,datacenter=off,relay=off,enterprise=off"

DATABASES = ("mmdb", "ip2proxy")
"""Databases whose entries give the kind of proxy."""

LISTABLE = (*(kind for kind in ProxyKind if kind is not ProxyKind.HEADER), *DATABASES)


@dataclass(frozen=True, slots=True)
class ListSource:
    """A list of networks to load, either of one kind or a database with several. `place` is a path or a URL."""

    kind: str
    place: str

    @property
    def is_remote(self) -> bool:
        """True if the scheduler has to download the list."""
        return self.place.startswith(("http://", "https://"))

    @property
    def name(self) -> str:
        """The list's name in checks and commands: without folders, and without a key that the URL may contain."""
        plain = self.place.partition("?")[0].rstrip("/").rpartition("/")[2]
        return f"{self.kind}={plain}"


def parse_policy(text: Any, default: str) -> Any:
    """Parse `kind=action,...` as a policy. Kinds left out keep their default. Raises `ValueError`."""
    if not isinstance(text, str):
        return text
    policy = dict(_pair(part) for part in default.split(","))
    policy.update(_pair(part) for part in text.split(",") if part.strip())
    return policy


def parse_sources(text: Any) -> Any:
    """Parse `kind=path-or-url,...` as sources. Raises `ValueError`."""
    if not isinstance(text, str):
        return text
    sources = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        kind, sign, place = part.partition("=")
        if not sign or kind not in LISTABLE or not place:
            raise ValueError(f"{part!r} is not kind=path-or-url with a kind of {', '.join(LISTABLE)}")
        sources.append(ListSource(str(kind), place))
    return tuple(sources)


def _pair(text: str) -> tuple[ProxyKind, ProxyAction]:
    kind, _, action = (word.strip() for word in text.partition("="))
    try:
        return ProxyKind(kind), ProxyAction(action)
    except ValueError:
        kinds, actions = ", ".join(ProxyKind), ", ".join(ProxyAction)
        raise ValueError(f"{text!r} is not kind=action with a kind of {kinds} and an action of {actions}") from None
