"""The warning of `usher up` if others can connect."""

import pytest

from shared.cli.up import _open_to_others

WARNING = {"USHER_PUBLIC_URL": "http://127.0.0.1:8000"}


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.9", "localhost", "::1"])
def test_on_loopback_there_is_nothing_to_say(host):
    assert _open_to_others(host, WARNING) == []


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5"])
def test_elsewhere_it_says_who_can_connect_and_what_is_answered(host):
    output = " ".join(_open_to_others(host, WARNING))
    assert "others on" in output
    assert "http://127.0.0.1:8000" in output
    assert "operator key" in output
