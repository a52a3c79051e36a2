"""Fixtures of the checks' tests: network lists, a name server, and a worker over both."""

from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path

import pytest
from dns_server import DnsServer
from flask import Flask
from sqlalchemy.orm import Session, sessionmaker

from shared.policy import ListSource
from shared.settings.settings import Settings
from tests.web.conftest import Caller, World, let_go
from web.app import create_app
from worker.context import WorkerContext

OWN = Path(__file__).parent / "lists"
"""Small lists in the formats of published ones. Their networks are invented."""

PUBLISHED = Path(__file__).parents[3] / "shared" / "data" / "ip"
"""Published lists with tens of thousands of networks, if they exist beside the checkout."""

FOLDERS = [OWN, *([PUBLISHED] if PUBLISHED.is_dir() else [])]


def lists_in(folder: Path) -> tuple[ListSource, ...]:
    """The lists of a folder, as the settings name them."""
    relay = next(folder.glob("*private-relay.txt")).name
    names = (
        *(("vpn", "vpn-ipv4.txt"), ("vpn", "vpn-ipv6.txt"), ("datacenter", "datacenter-ipv4.txt")),
        *(("datacenter", "datacenter-ipv6.txt"), ("relay", relay), ("tor", "tor-exits.csv")),
    )
    return tuple(ListSource(kind, str(folder / name)) for kind, name in names)


@pytest.fixture
def data(request: pytest.FixtureRequest) -> Path:
    """The folder of lists: our own, or the one that a test is parametrized with."""
    return getattr(request, "param", OWN)


@pytest.fixture
def dns() -> Iterator[DnsServer]:
    with DnsServer() as server:
        yield server


@pytest.fixture
def custom_settings(settings: Settings, dns: DnsServer, data: Path) -> Settings:
    """Settings with the tests' name server, all lists, and a trusted proxy in front."""
    return settings.model_copy(
        update={
            "dns_servers": (dns.address,),
            "reserved_domains": "look_up",
            "network_lists": lists_in(data),
            "trusted_proxies": (ip_network("127.0.0.0/8"),),
        }
    )


@pytest.fixture
def world(custom_settings: Settings, sessions: sessionmaker[Session]) -> Iterator[World]:
    app: Flask = create_app(custom_settings)
    yield World(app, custom_settings, sessions)
    let_go(app)


@pytest.fixture
def context(custom_settings: Settings, world: World) -> Iterator[WorkerContext]:
    context = WorkerContext(custom_settings, world.rules, name="test", stopping=lambda: False)
    yield context
    context.close()


@pytest.fixture
def alice(world: World) -> Caller:
    return world.person("alice@corp.example")


@pytest.fixture
def acme(world: World, alice: Caller) -> str:
    """Alice's account, with a contract that lets it invite."""
    return world.account(alice)
