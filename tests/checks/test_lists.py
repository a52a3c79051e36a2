"""Network lists: a broken or implausible list never replaces a good one, and never stops anyone."""

import os
import random
import struct
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path

import pytest
from sqlalchemy import func, update
from sqlalchemy.orm import Session, sessionmaker

from shared.checks.domain import load_lists
from shared.db.transaction import transaction
from shared.models import NetworkList
from shared.networks.formats import BadList, read_list
from shared.networks.registry import Networks
from shared.policy import ListSource, ProxyKind
from shared.policy_context import load
from shared.settings.settings import Settings
from tests.checks.conftest import PUBLISHED
from worker.context import WorkerContext
from worker.tasks.network_lists import download_network_lists

GOOD = "\n".join(["# a list of the tests", *(f"198.51.{block}.0/24 # a note" for block in range(100)), "2001:db9::/32"])
KNOWN_ADDRESS = ip_address("198.51.7.7")


def held(kind: str, path: Path) -> Networks:
    return Networks([ListSource(kind, str(path))], "postgresql://no_one@127.0.0.1:9/none")


def kinds(networks: Networks, address: str = str(KNOWN_ADDRESS)) -> list[str]:
    origin = networks.look_up(ip_address(address), by_program=False, traces=())
    return [hit.kind for hit in origin.hits]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "list"
    path.write_text(GOOD)
    return path


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("0.0.0.0/0", "prefix /0"),
        ("::/0", "prefix /0"),
        ("198.0.0.0/7", "prefix /7"),
        ("10.1.0.0/16", "private"),
        ("192.168.1.1", "private"),
        ("127.0.0.1", "private"),
        ("::1", "private"),
        ("fd00::/8", "prefix /8"),
        ("fd12:3456::/32", "private"),
        ("", "empty"),
        ("# nothing but a note", "empty"),
        ("198.51.100.0/24\nhello", "Line 2"),
        ("198.51.100.0/33", "prefix /33"),
        ("198.51.100", "Line 1"),
        ("<html>Not found</html>", "Line 1"),
        ("fingerprint, ipaddr, port\nAB, 198.51.100.1, 1\nCD", "Line 3 is cut off"),
        ("\n".join(GOOD.splitlines()[:40]), "shrunk"),
    ],
)
def test_a_list_that_can_not_be_meant_leaves_the_good_one(path: Path, content: str, why: str) -> None:
    networks = held("vpn", path)
    assert kinds(networks) == ["vpn"]
    path.write_text(content)
    networks.refresh()
    assert kinds(networks) == ["vpn"]
    (problem,) = networks.problems()
    assert why in problem


def test_a_list_that_goes_missing_leaves_the_good_one(path: Path) -> None:
    networks = held("vpn", path)
    networks.loaded()
    path.unlink()
    networks.refresh()
    assert kinds(networks) == ["vpn"]
    assert "No such file" in networks.problems()[0]


def test_a_list_that_changes_is_loaded_again(path: Path) -> None:
    networks = held("vpn", path)
    assert kinds(networks, "203.0.113.9") == []
    path.write_text(GOOD + "\n203.0.113.9")
    networks.refresh()
    assert kinds(networks, "203.0.113.9") == ["vpn"]
    assert networks.problems() == []


def test_a_list_that_is_too_old_says_nothing(path: Path) -> None:
    week = 8 * 86400
    os.utime(path, (path.stat().st_atime - week, path.stat().st_mtime - week))
    origin = held("tor", path).look_up(KNOWN_ADDRESS, by_program=False, traces=())
    assert origin.hits == ()
    assert "8 days old" in origin.gaps[0]
    assert kinds(held("datacenter", path)) == ["datacenter"]


def test_malformed_databases_are_refused(data: Path, tmp_path: Path) -> None:
    good = (data / "anonymous-ip.mmdb").read_bytes()
    metadata = good.rindex(b"\xab\xcd\xefMaxMind.com")
    broken = {
        "nothing but the mark in front of the metadata": good[metadata : metadata + 14],
        "no metadata": good[:metadata],
        "a tree that is larger than the file": good[metadata - 200 :],
        "a tree that leads behind the records": b"\xff" * 60 + good[60:],
        "records that are no records": good[: metadata // 2] + b"\xff" * (metadata - metadata // 2) + good[metadata:],
    }
    for name, content in broken.items():
        path = tmp_path / f"{name}.mmdb"
        path.write_bytes(content)
        with pytest.raises(BadList, match=r"\.$|It "):
            read_list("mmdb", path)


@pytest.mark.skipif(
    not PUBLISHED.is_dir(), reason="MaxMind's own malformed databases lie beside the checkout or nowhere"
)
def test_the_malformed_databases_of_maxmind_are_refused() -> None:
    broken = sorted((PUBLISHED / "malformed").glob("*.mmdb"))
    assert len(broken) == 4
    for path in broken:
        with pytest.raises(BadList, match=r"\.$|It "):
            read_list("mmdb", path)


def test_a_thousand_fuzzed_lists_neither_stop_anyone_nor_replace_a_good_one(data: Path, tmp_path: Path) -> None:
    """Lists with bytes changed, cut and doubled: each is refused, or read and still within all bounds."""
    dice = random.Random(1)
    path = tmp_path / "list"
    originals = [
        ("mmdb", (data / "anonymous-ip.mmdb").read_bytes()),
        ("mmdb", (data / "anonymous-plus.mmdb").read_bytes()),
        ("tor", (data / "tor-exits.csv").read_bytes()[:4000]),
        ("vpn", (data / "vpn-ipv6.txt").read_bytes()[:2000]),
        ("ip2proxy", bytes(range(256)) * 8),
    ]
    path.write_text(GOOD)
    good = held("vpn", path)
    assert kinds(good) == ["vpn"]
    refused = 0
    for _ in range(1000):
        kind, content = dice.choice(originals)
        path.write_bytes(_spoilt(content, dice))
        try:
            read_list(kind, path).kinds_of(KNOWN_ADDRESS)
        except BadList:
            refused += 1
        if refused % 50 == 0:
            good.refresh()
            assert kinds(good) == ["vpn"]
    assert refused > 300


def _spoilt(content: bytes, dice: random.Random) -> bytes:
    spoilt = bytearray(content)
    for _ in range(dice.randint(1, 30)):
        spoilt[dice.randrange(len(spoilt))] = dice.randrange(256)
    return bytes(spoilt[: dice.randrange(len(spoilt))] if dice.random() < 0.3 else spoilt)


@pytest.mark.parametrize("name", ["anonymous-ip.mmdb", "anonymous-plus.mmdb"])
def test_a_database_tells_the_kinds_apart(data: Path, name: str) -> None:
    database = read_list("mmdb", data / name)
    assert database.kinds_of(ip_address("198.51.100.7")) == [ProxyKind.VPN]
    assert database.kinds_of(ip_address("203.0.113.70")) == [ProxyKind.DATACENTER]
    assert database.kinds_of(ip_address("9.9.9.9")) == []
    if name == "anonymous-ip.mmdb":
        assert set(database.kinds_of(ip_address("203.0.113.5"))) == {
            ProxyKind.TOR,
            ProxyKind.PROXY,
            ProxyKind.VPN,
            ProxyKind.DATACENTER,
        }
        assert database.kinds_of(ip_address("2001:df5:1::1")) == [ProxyKind.PROXY]


def bin_of(ranges: list[tuple[str, str]]) -> bytes:
    """An IP2Proxy BIN, edition PX2: a header, rows of first address, kind and country, and their strings."""
    rows, head = len(ranges), 32
    words = bytearray()
    start = head + (rows + 1) * 12
    table = bytearray()
    country = start
    words += b"\x02US\x0dUnited States"
    for first, kind in [*ranges, ("255.255.255.255", "-")]:
        table += struct.pack("<III", int(ip_address(first)), start + len(words), country)
        words += bytes([len(kind)]) + kind.encode()
    counts = struct.pack("<IIIIII", rows, head + 1, 0, head + 1, 0, 0)
    return bytes([2, 3, 26, 11, 1]) + counts + bytes([2, 0, 0]) + bytes(table) + bytes(words)


def test_an_ip2proxy_database_tells_people_behind_relays_from_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "list.bin"
    kinds_of = {"VPN": "vpn", "TOR": "tor", "DCH": "datacenter", "PUB": "proxy", "CPN": "relay", "EPN": "enterprise"}
    blocks = [("0.0.0.0", "-")]
    for number, kind in enumerate(kinds_of):
        blocks += [(f"203.0.{number}.0", kind), (f"203.0.{number}.128", "-")]
    path.write_bytes(bin_of(blocks))
    networks = held("ip2proxy", path)
    for number, kind in enumerate(kinds_of.values()):
        assert kinds(networks, f"203.0.{number}.5") == [kind]
        assert kinds(networks, f"203.0.{number}.200") == []
    path.write_bytes(bin_of([("0.0.0.0", "VPN")]))
    networks.refresh()
    assert "private" in networks.problems()[0]
    assert kinds(networks, "203.0.0.5") == ["vpn"]


class Site(ThreadingHTTPServer):
    """A site with one list. `broken` cuts its responses short."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Page)
        self.content, self.broken, self.asked = GOOD.encode(), False, list[str | None]()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/vpn.txt?key=secret"


class _Page(BaseHTTPRequestHandler):
    server: Site

    def do_GET(self) -> None:
        etag = f'"{hash(self.server.content)}"'
        self.server.asked.append(self.headers.get("If-None-Match"))
        if self.headers.get("If-None-Match") == etag:
            self.send_response(304)
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("ETag", etag)
        self.send_header("Content-Length", str(len(self.server.content)))
        self.end_headers()
        self.wfile.write(self.server.content[: 100 if self.server.broken else None])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as site:
        thread = threading.Thread(target=site.serve_forever, daemon=True)
        thread.start()
        yield site
        site.shutdown()
        thread.join()


def test_a_list_at_a_url_reaches_every_process_and_outlives_what_breaks(
    settings: Settings, sessions: sessionmaker[Session], site: Site
) -> None:
    custom_settings = settings.model_copy(update={"network_lists": (ListSource("vpn", site.url),)})
    context = WorkerContext(custom_settings, load(custom_settings), name="test", stopping=lambda: False)
    elsewhere = load(custom_settings).networks
    try:
        assert kinds(elsewhere) == []
        assert "missing" in elsewhere.look_up(KNOWN_ADDRESS, by_program=False, traces=()).gaps[0]

        def fetched() -> None:
            with transaction(sessions) as session:
                session.execute(update(NetworkList).values(tried_at=func.now() - func.make_interval(0, 0, 0, 1)))
            download_network_lists(context)
            elsewhere.refresh()

        fetched()
        assert kinds(elsewhere) == ["vpn"]
        fetched()
        assert site.asked[0] is None
        assert site.asked[1] is not None
        for content, broken in ((b"10.0.0.0/8", False), (b"198.51.1.0/24", False), (GOOD.encode() + b"\n", True)):
            site.content, site.broken = content, broken
            fetched()
            assert kinds(elsewhere) == ["vpn"]
            assert elsewhere.problems()
            assert "secret" not in str(elsewhere.problems())
        site.content, site.broken = GOOD.encode() + b"\n203.0.113.9", False
        fetched()
        assert kinds(elsewhere, "203.0.113.9") == ["vpn"]
        assert elsewhere.problems() == []
    finally:
        elsewhere.close()
        context.close()


def test_an_extra_personal_domain_is_itself_and_not_its_neighbour() -> None:
    lists = load_lists(("straße.example", " Bücher.example "))
    assert {"xn--strae-oqa.example", "xn--bcher-kva.example"} <= lists.personal
    assert "strasse.example" not in lists.personal
