"""What the tests of the checks share: the real lists beside the checkout, a name server, and a worker over both."""

from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path

import pytest
from dns_server import DnsServer
from flask import Flask
from sqlalchemy.orm import Session, sessionmaker

from shared.config import Settings
from shared.policy import ListSource
from tests.web.conftest import Caller, World, let_go
from web.app import create_app
from worker.runtime import Runtime

DATA = Path(__file__).parents[3] / "shared" / "data"
LISTS = (
    ("vpn", "vpn-ipv4.txt"),
    ("vpn", "vpn-ipv6.txt"),
    ("datacenter", "datacenter-ipv4.txt"),
    ("datacenter", "datacenter-ipv6.txt"),
    ("relay", "apple-private-relay.txt"),
    ("tor", "tor-exits.csv"),
)
DATABASES = (("mmdb", "GeoIP2-Anonymous-IP-Test.mmdb"), ("mmdb", "GeoIP-Anonymous-Plus-Test.mmdb"))


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real lists; tests that need it are skipped where it is not there, and say so."""
    if not (DATA / "ip").is_dir():
        pytest.skip(f"THE REAL LISTS ARE MISSING: put them at {DATA} to try the checks against them")
    return DATA / "ip"


@pytest.fixture
def dns() -> Iterator[DnsServer]:
    with DnsServer() as server:
        yield server


@pytest.fixture
def told(settings: Settings, dns: DnsServer, data: Path) -> Settings:
    """Settings with a name server of the tests, all real lists, and a front whose forwarding is believed."""
    return settings.model_copy(
        update={
            "dns_servers": (dns.address,),
            "reserved_domains": "look_up",
            "network_lists": tuple(ListSource(kind, str(data / name)) for kind, name in LISTS),
            "trusted_proxies": (ip_network("127.0.0.0/8"),),
        }
    )


@pytest.fixture
def world(told: Settings, sessions: sessionmaker[Session]) -> Iterator[World]:
    app: Flask = create_app(told)
    yield World(app, told, sessions)
    let_go(app)


@pytest.fixture
def runtime(told: Settings, world: World) -> Iterator[Runtime]:
    runtime = Runtime(told, world.rules, name="test", stopping=lambda: False)
    yield runtime
    runtime.close()


@pytest.fixture
def alice(world: World) -> Caller:
    return world.person("alice@corp.example")


@pytest.fixture
def acme(world: World, alice: Caller) -> str:
    """Alice's account, with a contract that lets it invite."""
    return world.account(alice)
