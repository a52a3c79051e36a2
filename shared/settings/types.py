"""The formats of settings: types that parse text and explain invalid values."""

import base64
import binascii
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from email.utils import parseaddr
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
Network = IPv4Network | IPv6Network


class Money(BaseModel):
    """An amount in a currency, written `750 USD`."""

    model_config = ConfigDict(frozen=True)
    amount: Decimal
    currency: str

    def __str__(self) -> str:
        return f"{self.amount} {self.currency}"


def _duration(text: Any) -> Any:
    if not isinstance(text, str):
        return text
    number, unit = text.strip()[:-1], text.strip()[-1:]
    if text.strip().isdigit():
        number, unit = text.strip(), "s"
    if not number.isdigit() or unit not in _UNITS:
        raise ValueError("enter a whole number and a unit, such as 90s, 15m, 24h or 7d")
    return timedelta(seconds=int(number) * _UNITS[unit])


def _money(text: Any) -> Any:
    if not isinstance(text, str):
        return text
    try:
        amount, currency = text.split()
        money = Money(amount=Decimal(amount), currency=currency.upper())
    except (ValueError, InvalidOperation):
        raise ValueError("enter an amount and a currency, such as 750 USD") from None
    if not (money.amount.is_finite() and money.amount >= 0 and len(money.currency) == 3 and currency.isalpha()):
        raise ValueError("enter an amount of zero or more and a currency code, such as 750 USD")
    return money


def _words(text: Any) -> Any:
    return tuple(part.strip() for part in text.split(",") if part.strip()) if isinstance(text, str) else text


def _networks(text: Any) -> Any:
    try:
        return tuple(ip_network(part, strict=False) for part in _words(text))
    except ValueError as error:
        raise ValueError(f"{error}; enter networks such as 10.0.0.0/8, separated by commas") from None


def url(*schemes: str) -> AfterValidator:
    """Validate that a URL has one of these schemes."""

    def check(url: str) -> str:
        if urlsplit(url).scheme not in schemes:
            raise ValueError(f"must begin with {' or '.join(scheme + '://' for scheme in schemes)}")
        return url

    return AfterValidator(check)


def _public_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path.strip("/") or parts.query:
        raise ValueError("enter the public address of this service without a path, such as https://usher.example.com")
    return f"{parts.scheme}://{parts.netloc}"


def _mailbox(text: str) -> str:
    if "\r" in text or "\n" in text or "@" not in parseaddr(text)[1].strip("@"):
        raise ValueError("enter an email address with an optional name, such as Acme <invitations@acme.com>")
    return text


def _name_servers(text: Any) -> Any:
    if not isinstance(text, str):
        return text
    servers = []
    for word in _words(text):
        host, _, port = word.rpartition(":") if word.count(":") == 1 or "]:" in word else (word, "", "53")
        try:
            servers.append((str(ip_address(host.strip("[]"))), int(port)))
        except ValueError:
            raise ValueError(
                f"{word!r} isn't an address; enter 192.0.2.1, 192.0.2.1:5353 or [2001:db8::1]:53"
            ) from None
    return tuple(servers)


def _signing_key(key: str) -> str:
    if key.startswith("whsec_"):
        try:
            base64.b64decode(key.removeprefix("whsec_"), validate=True)
        except binascii.Error:
            raise ValueError("the part after whsec_ must be base64, as your email provider shows it") from None
    return key


def _keys(keys: tuple[str, ...]) -> tuple[str, ...]:
    if not keys or any(len(key) < 32 for key in keys):
        raise ValueError("enter at least one key of 32 characters or more; create one with: openssl rand -base64 48")
    return keys


Duration = Annotated[timedelta, BeforeValidator(_duration)]
CommaSeparated = Annotated[tuple[str, ...], BeforeValidator(_words)]
Key = Annotated[str, Field(min_length=16)]
SigningKey = Annotated[Key, AfterValidator(_signing_key)]
SecretKeys = Annotated[CommaSeparated, AfterValidator(_keys)]
Networks = Annotated[tuple[Network, ...], BeforeValidator(_networks)]
NameServers = Annotated[tuple[tuple[str, int], ...], BeforeValidator(_name_servers)]
MonthlySpend = Annotated[Money, BeforeValidator(_money)]
PublicUrl = Annotated[str, AfterValidator(_public_url)]
Mailbox = Annotated[str, AfterValidator(_mailbox)]
