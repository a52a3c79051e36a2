"""The client address of a request, with a real web server and, if it is installed, nginx in front."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_network
from pathlib import Path

import pytest

from shared.cli.embedded.stack import free_port
from shared.policy import ListSource
from shared.settings.settings import Settings
from tests.cli.processes import eventually
from tests.web.conftest import Caller, World
from tests.web.raw import RawServer, raw_server
from web.auth.client_address import find_client

TRUSTED = (ip_network("127.0.0.0/8"), ip_network("10.0.0.0/8"), ip_network("fd00::/8"))
_NGINX_KEEPS = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
CALLER = "203.0.113.8"


@pytest.mark.parametrize(
    ("entry", "address"),
    [
        (CALLER, CALLER),
        (f"{CALLER}:44321", CALLER),
        (f'"{CALLER}:44321"', CALLER),
        (f"198.51.100.1, {CALLER}:44321", CALLER),
        (f"{CALLER}:44321, 10.0.0.7:5000", CALLER),
        ("2001:db8::7", "2001:db8::7"),
        ("[2001:db8::7]", "2001:db8::7"),
        ("[2001:db8::7]:44321", "2001:db8::7"),
        ('"[2001:db8::7]:44321", [fd00::1]:443', "2001:db8::7"),
        (f"::ffff:{CALLER}", CALLER),
        (f"[::ffff:{CALLER}]:44321", CALLER),
        ("fe80::1%eth0", "fe80::1"),
        (f" , {CALLER} ,", CALLER),
    ],
)
def test_an_address_is_understood_however_proxies_write_it(entry: str, address: str) -> None:
    found = find_client("127.0.0.1", {"X-Forwarded-For": [entry]}, TRUSTED)
    assert found.address == found.key == address


@pytest.mark.parametrize(
    "entry",
    ["unknown", "_hidden", "[2001:db8::7", "203.0.113.8:port", "203.0.113.008", "1.2.3.4.5", "a.example", "", " , ,"],
)
def test_an_unreadable_entry_of_our_proxy_makes_the_address_unknown(entry: str) -> None:
    found = find_client("127.0.0.1", {"X-Forwarded-For": [entry]}, TRUSTED)
    assert found.address is None
    behind_another = find_client("127.0.0.1", {"X-Forwarded-For": [entry, "10.0.0.7"]}, TRUSTED)
    assert (behind_another.address is None) == bool(entry.strip(" ,"))


def test_callers_whose_address_is_unknown_are_still_told_apart() -> None:
    keys = {
        find_client("10.0.0.1", {"X-Forwarded-For": [entry]}, TRUSTED).key for entry in ("_a", "_b", "_b" + "x" * 99)
    }
    assert len(keys) == 3
    assert max(map(len, keys)) < 80


def test_what_a_stranger_writes_is_never_believed() -> None:
    forged = {"X-Forwarded-For": ["192.0.2.1", f"unknown, {CALLER}"]}
    assert find_client(CALLER, forged, TRUSTED).address == CALLER
    assert find_client("127.0.0.1", forged, TRUSTED).address == CALLER
    assert find_client("127.0.0.1", forged, TRUSTED).traces == ("X-Forwarded-For",)
    assert find_client("10.0.0.1", {}, TRUSTED).address == "10.0.0.1"


@pytest.fixture
def trusting(settings: Settings, tmp_path: Path) -> Settings:
    networks = tmp_path / "vpn.txt"
    networks.write_text(f"{CALLER}/32\n")
    return settings.model_copy(
        update={"trusted_proxies": TRUSTED[:1], "network_lists": (ListSource("vpn", str(networks)),)}
    )


def custom_settings(settings: Settings) -> dict[str, str]:
    return {
        "USHER_TRUSTED_PROXIES": "127.0.0.1/32",
        "USHER_NETWORK_LISTS": f"vpn={settings.network_lists[0].place}",
        "USHER_UNKNOWN_POLICY": "hold",
        "USHER_RESERVED_DOMAINS": "allow",
    }


def reasons(server: RawServer, who: Caller, account: str, *headers: str) -> list[str]:
    """The reasons of the checks for an invitation that is sent with these headers."""
    body = json.dumps({"email": "dora@corp.example", "role": "developer"}).encode()
    path = f"/v1/accounts/{account}/invitations/check"
    answer = server.ask(path, f"Authorization: Bearer {who.token}", *headers, method="POST", body=body)
    assert answer.startswith(b"HTTP/1.1 200"), answer
    return [code for code in ("proxy_vpn", "proxy_not_checked") if code.encode() in answer]


def test_a_vpn_is_found_behind_any_proxy_and_no_look_alike_of_the_header_hides_it(
    trusting: Settings, alice: Caller, acme: str, tmp_path: Path
) -> None:
    vpn, office = f"X-Forwarded-For: {CALLER}:44321", "198.51.100.7"
    with raw_server(trusting, tmp_path, **custom_settings(trusting)) as server:
        ask = lambda *headers: reasons(server, alice, acme, *headers)  # noqa: E731
        assert ask(vpn) == ["proxy_vpn"]
        assert ask(f"X-Forwarded-For: {office}:44321") == []
        # A name with an underscore is another header, in any position and spelling.
        assert ask(vpn, f"X_Forwarded_For: {office}") == ["proxy_vpn"]
        assert ask(f"x_forwarded-for: {office}", vpn, f"X-Forwarded_For: {office}") == ["proxy_vpn"]
        # Lines of one header are one list. The last entry is our proxy's.
        assert ask(f"X-Forwarded-For: {office}", vpn) == ["proxy_vpn"]
        assert ask("X-Forwarded-For: unknown") == ["proxy_not_checked"]
        assert ask("X-Forwarded-For: \xff") == ["proxy_not_checked"]
        assert ask("X-Forwarded-For:") == ["proxy_not_checked"]
        assert ask(f"X-Forwarded-For: \xff, {CALLER}") == ["proxy_vpn"]
        # No header of ours is read from a name that only looks like it.
        answer = server.ask("/v1/me", f"Authorization_: Bearer {alice.token}", "X_Request_Id: from-a-stranger")
        assert answer.startswith(b"HTTP/1.1 401")
        assert b"from-a-stranger" not in answer


@contextmanager
def nginx(folder: Path, upstream: int) -> Iterator[int]:
    """nginx in front of the server, as an operator would set it up. Yields its port."""
    port, settings = free_port("127.0.0.1"), folder / "nginx.conf"
    settings.write_text(
        f"pid {folder}/nginx.pid; error_log {folder}/nginx.log; daemon off; events {{}} http {{ access_log off; "
        + "".join(
            f"{name}_temp_path {folder}/{name}; " for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        + "client_body_buffer_size 2m; "
        f"server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://127.0.0.1:{upstream}; "
        "proxy_set_header Host $host; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; } } }"
    )
    process = subprocess.Popen(["nginx", "-c", str(settings), "-e", str(folder / "nginx.log")])
    try:
        yield port
    finally:
        process.terminate()
        process.wait(10)


@pytest.mark.skipif(shutil.which("nginx") is None, reason="NGINX IS MISSING: install it to test a proxy in front")
def test_nginx_in_front_tells_who_calls(trusting: Settings, world: World, alice: Caller, acme: str, tmp_path: Path):
    with raw_server(trusting, tmp_path, **custom_settings(trusting)) as behind, nginx(tmp_path, behind.port) as port:
        front = RawServer(port, behind.process, behind.log)
        eventually(front.is_up)
        # nginx calls from 127.0.0.1, and so do the tests: all are ours, and the first of them is the client.
        assert reasons(front, alice, acme) == []
        assert reasons(front, alice, acme, f"X-Forwarded-For: {CALLER}") == ["proxy_vpn"]
        assert reasons(front, alice, acme, f"X_Forwarded_For: {CALLER}") == []
        large = front.ask("/v1/sessions", method="POST", body=b"{" + b" " * 60_000)
        assert large.startswith(b"HTTP/1.1 400")
