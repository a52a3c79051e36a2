"""The table of cases: inputs, and the reasons expected for them. Networks are sampled from lists with a fixed seed."""

import random
from collections.abc import Iterator
from datetime import date, timedelta
from functools import cache
from ipaddress import IPv6Address, ip_address, ip_network
from pathlib import Path

from shared.checks.ip_ranges import key_of
from shared.policy import ProxyKind

WARNED, PASSED = "warned", "passed"
Case = tuple[str, list[str]]


def personal_and_disposable() -> Iterator[Case]:
    """Addresses with the codes that refuse them in the request; none for accepted ones."""
    for domain in (
        *("gmail.com", "googlemail.com", "outlook.com", "hotmail.com", "hotmail.co.uk", "live.com", "msn.com"),
        *("yahoo.com", "yahoo.co.jp", "ymail.com", "icloud.com", "me.com", "aol.com", "gmx.de", "gmx.net", "web.de"),
        *("t-online.de", "proton.me", "protonmail.com", "tuta.com", "tutanota.com", "yandex.ru", "mail.ru", "qq.com"),
        *("163.com", "126.com", "naver.com", "libero.it", "orange.fr", "free.fr", "wanadoo.fr", "zoho.com"),
    ):
        yield f"dora@{domain}", ["domain_personal"]
        yield f"dora@mail.{domain}", ["domain_personal"]
    for domain in (
        *("mailinator.com", "guerrillamail.com", "10minutemail.com", "yopmail.com", "sharklasers.com", "trashmail.com"),
        *("temp-mail.org", "maildrop.cc", "discard.email", "getnada.com", "mintemail.com", "throwawaymail.com"),
    ):
        yield f"dora@{domain}", ["domain_disposable"]
        yield f"dora@a.b.{domain}", ["domain_disposable"]
    for domain in (
        *("google.com", "microsoft.com", "apple.com", "ibm.com", "siemens.de", "notgmail.com", "gmail.com.corp.test"),
        *("bücher.test", "münchen.test", "例え.test", "xn--fsq.test", "corp.co.uk", "sub.corp.test"),
    ):
        yield f"dora@{domain}", []
    for address in (
        *("dora", "dora@", "@corp.test", "dora@corp", "dora@@corp.test", "dora@corp..test", "dora@-corp.test"),
        *("do ra@corp.test", "dıra@corp.test", "dora@corp.test\r\nBcc: eve@corp.test", "ｄora@corp.test"),
        *(
            "dora@cоrp.test",
            "dорa@corp.test",
            "a" * 65 + "@corp.test",
            "dora@" + "a" * 64 + ".test",
            "dora@[192.0.2.1]",
        ),
    ):
        yield address, ["email_invalid"]


def mail_servers() -> Iterator[tuple[str, str, list[str]]]:
    """Domains with the status and codes that result from the name server's answer."""
    ends = {
        "mx": ("pending", []),
        "a": ("pending", []),
        "aaaa": ("pending", []),
        "null": ("blocked", ["domain_null_mx"]),
        "none": ("blocked", ["domain_no_mail"]),
        "nx": ("blocked", ["domain_not_found"]),
        "servfail": ("pending", ["domain_not_checked"]),
        "silent": ("pending", ["domain_not_checked"]),
    }
    for behaviour, (status, codes) in ends.items():
        for tail in ("corp.test", "corp.co.uk", "bücher.test", "sub.corp.test"):
            yield f"{behaviour}-{tail}", status, codes


def contracts(today: date) -> Iterator[tuple[str, str, date, date, list[str]]]:
    """Amount, currency, first and last day, and the codes."""
    day = timedelta(days=1)
    first, last = today - 100 * day, today + 300 * day
    for amount, codes in (
        ("750.00", []),
        ("750.01", []),
        ("100000.00", []),
        ("749.99", ["contract_below_minimum"]),
        ("0.00", ["contract_below_minimum"]),
    ):
        yield amount, "USD", first, last, codes
    yield "750.00", "EUR", first, last, ["contract_other_currency"]
    yield "1.00", "EUR", first, last, ["contract_other_currency"]
    for length in (364, 365, 366, 363, 30):
        for begins in (-1, 0, 1, -length + 1, -length, -length - 1):
            starts_on = today + begins * day
            ends_on = starts_on + length * day
            codes = [] if ends_on >= _a_year_after(starts_on) - day else ["contract_not_annual"]
            codes += ["contract_not_started"] if begins > 0 else []
            codes += ["contract_ended"] if ends_on < today else []
            yield "1000.00", "USD", starts_on, ends_on, codes


@cache
def networks(folder: Path) -> list[tuple[str, list[str], str]]:
    """Addresses with their codes, and the verdict on a request from them: denied, warned or passed."""
    dice = random.Random(4)
    lists = {
        ProxyKind.TOR: [(address, address) for address in map(_number, _exits(folder))],
        ProxyKind.VPN: _ranges(folder, "vpn-ipv4.txt", "vpn-ipv6.txt"),
        ProxyKind.DATACENTER: _ranges(folder, "datacenter-ipv4.txt", "datacenter-ipv6.txt"),
        ProxyKind.RELAY: _ranges(folder, _relay(folder)),
    }
    drawn = [*_tor(folder, dice, 30)]
    for name, many in (("vpn-ipv4", 60), ("vpn-ipv6", 28), ("datacenter-ipv4", 60), ("datacenter-ipv6", 28)):
        drawn += _edges(folder / f"{name}.txt", dice, many)
    drawn += _edges(folder / _relay(folder), dice, 20)
    drawn += ["8.8.4.4", "192.0.2.1", "10.1.2.3", "2001:db8::1", "93.184.216.34"]
    cases = []
    for address in drawn:
        at = _number(address)
        kinds = {kind for kind, ranges in lists.items() if any(first <= at <= last for first, last in ranges)}
        cases.append((address, *_expected(kinds)))
    return cases


def _ranges(folder: Path, *names: str) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """First and last address of each network, read without our code, to compare with what our reader finds."""
    networks = (ip_network(line) for name in names for line in (folder / name).read_text().split())
    return [
        ((each.version, int(each.network_address)), (each.version, int(each.broadcast_address))) for each in networks
    ]


def _relay(folder: Path) -> str:
    return next(folder.glob("*private-relay.txt")).name


def _number(address: str) -> tuple[int, int]:
    parsed = ip_address(address)
    return parsed.version, int(parsed)


def _expected(kinds: set[ProxyKind]) -> tuple[list[str], str]:
    """The rule: Tor first; a relay excuses the rest; then VPN; a data center is only a warning."""
    if ProxyKind.TOR in kinds:
        return ["proxy_tor"], "denied"
    if ProxyKind.RELAY in kinds:
        return [], PASSED
    if ProxyKind.VPN in kinds:
        return ["proxy_vpn"], "denied"
    return (["proxy_datacenter"], WARNED) if ProxyKind.DATACENTER in kinds else ([], PASSED)


def _tor(folder: Path, dice: random.Random, many: int) -> list[str]:
    return dice.sample(sorted(_exits(folder)), many)


def _exits(folder: Path) -> set[str]:
    return {line.split(", ")[1] for line in (folder / "tor-exits.csv").read_text().splitlines()[1:]}


def _edges(path: Path, dice: random.Random, many: int) -> Iterator[str]:
    """First and last addresses of a list's networks, and those just outside of them."""
    lines = path.read_text().split()
    for line in dice.sample(lines, many // 4 + 1):
        network = ip_network(line)
        step = 1 if network.version == 4 else 1 << 64
        first, last = network.network_address, network.broadcast_address
        yield from (str(first), str(last))
        for outside in (int(first) - step, int(last) + step):
            yield str(type(first)(outside))


def _a_year_after(start: date) -> date:
    try:
        return start.replace(year=start.year + 1)
    except ValueError:
        return date(start.year + 1, 3, 1)


def in_other_words(address: str) -> str:
    """For every other address, the IPv4 address as an IPv4-mapped IPv6 address."""
    parsed = ip_address(address)
    mapped = parsed.version == 4 and key_of(parsed) % 2 == 0
    return str(IPv6Address((0xFFFF << 32) + int(parsed))) if mapped else address
