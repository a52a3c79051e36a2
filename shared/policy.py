"""The words that settings, rows and checks have in common: kinds of proxies, what is done about them, exceptions."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from shared.stored_enum import StoredEnum


class ProxyKind(StoredEnum):
    """What stands between a person and us; `header` is a proxy that names itself in the request."""

    TOR = "tor"
    PROXY = "proxy"
    VPN = "vpn"
    HEADER = "header"
    DATACENTER = "datacenter"
    RELAY = "relay"
    ENTERPRISE = "enterprise"


class ProxyAction(StrEnum):
    """What is done about a kind; `warn` lets it through and says so."""

    BLOCK = "block"
    HOLD = "hold"
    WARN = "warn"
    OFF = "off"


class MailAnswer(StoredEnum):
    """What name servers say of a domain: where its mail goes, or why there is nowhere for it to go."""

    MX = "mx"
    ADDRESS = "address"
    NULL_MX = "null_mx"
    NO_MAIL = "no_mail"
    NOT_FOUND = "not_found"
    UNKNOWN = "unknown"


class Effect(StoredEnum):
    """What an exception does; where an account has any `only`, no other domains may be invited."""

    ALLOW = "allow"
    BLOCK = "block"
    ONLY = "only"


class Subject(StoredEnum):
    """What an exception is about."""

    DOMAIN = "domain"
    ADDRESS = "address"
    NETWORK = "network"


ProxyPolicy = Mapping[ProxyKind, ProxyAction]

# People's rule and programs' rule: servers live in data centres, and some reach out through a VPN of their company.
FOR_PEOPLE = "tor=block,proxy=block,vpn=block,header=hold,datacenter=warn,relay=off,enterprise=off"
FOR_API_KEYS = "tor=block,proxy=block,vpn=warn,header=off,datacenter=off,relay=off,enterprise=off"

DATABASES = ("mmdb", "ip2proxy")
"""Lists that tell the kinds apart by themselves."""

LISTABLE = (*(kind for kind in ProxyKind if kind is not ProxyKind.HEADER), *DATABASES)


@dataclass(frozen=True, slots=True)
class ListSource:
    """A list of networks to load: of one kind, or a database of several; `place` is a path or a URL."""

    kind: str
    place: str

    @property
    def is_remote(self) -> bool:
        """Whether the scheduler has to fetch it."""
        return self.place.startswith(("http://", "https://"))

    @property
    def name(self) -> str:
        """The list as checks and commands name it: no folders, and no key that a URL may carry."""
        plain = self.place.partition("?")[0].rstrip("/").rpartition("/")[2]
        return f"{self.kind}={plain}"


def parse_policy(text: Any, default: str) -> Any:
    """`kind=action,...` as a policy; kinds that are not named stay as they are in the default."""
    if not isinstance(text, str):
        return text
    policy = dict(_pair(part) for part in default.split(","))
    policy.update(_pair(part) for part in text.split(",") if part.strip())
    return policy


def parse_sources(text: Any) -> Any:
    """`kind=path-or-url,...` as sources."""
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
