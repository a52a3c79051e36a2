"""Separate hosts on one machine: network namespaces, each connected to ours by a virtual cable. Linux and root only.

A host that vanishes stops answering, as after a power cut: no connection is closed, and none is refused.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from shared.cli.embedded.process import Command


class Host:
    """A network namespace with one address, which can vanish and come back."""

    def __init__(self, name: str, number: int) -> None:
        self.name = name
        self.gateway, self.address = f"10.77.{number}.1", f"10.77.{number}.2"
        self._cable = f"{name[:9]}-{number}"

    def make(self) -> None:
        """Create it with a static ARP entry. Otherwise our side would soon report that there is no route."""
        ip("netns", "add", self.name)
        ip("link", "add", self._cable, "type", "veth", "peer", "name", "eth0", "netns", self.name)
        ip("addr", "add", f"{self.gateway}/24", "dev", self._cable)
        ip("link", "set", self._cable, "up")
        for device in ("lo", "eth0"):
            self._inside("link", "set", device, "up")
        self.come_back()
        hardware = self._inside("-o", "link", "show", "eth0").partition("link/ether ")[2].split()[0]
        ip("neigh", "replace", self.address, "lladdr", hardware, "dev", self._cable, "nud", "permanent")

    def remove(self) -> None:
        """Remove it, together with its cable."""
        subprocess.run(["ip", "netns", "del", self.name], check=False, capture_output=True)

    def vanish(self) -> None:
        """Drop every packet to and from it."""
        self._inside("addr", "flush", "dev", "eth0")

    def come_back(self) -> None:
        """Make it reachable again, at the same address."""
        self._inside("addr", "add", f"{self.address}/24", "dev", "eth0")

    def runs(self, command: Command) -> Command:
        """Wrap the command to run on this host. Entering takes root; the user is set afterwards."""
        user = [] if command.user is None else ["--setuid", str(command.user), "--setgid", str(command.user)]
        within = ("nsenter", f"--net=/run/netns/{self.name}", *user, "--", *command.arguments)
        return replace(command, arguments=within, user=None)

    def _inside(self, *words: str) -> str:
        return ip("-n", self.name, *words)


def ip(*words: str) -> str:
    """Return the command's output. Raises `CalledProcessError`."""
    return subprocess.run(["ip", *words], check=True, capture_output=True, text=True).stdout


def missing() -> str | None:
    """Return the reason why no namespaces can be created here, or None."""
    if os.geteuid() != 0:
        return "network namespaces take root"
    if not (shutil.which("ip") and shutil.which("nsenter")):
        return "ip (iproute2) and nsenter (util-linux) are not installed"
    try:
        with host("usher-probe", 250):
            return None
    except subprocess.CalledProcessError as error:
        return f"no network namespace can be made: {error.stderr.strip()}"


@contextmanager
def host(name: str, number: int) -> Iterator[Host]:
    """A host during the block, at the address 10.77.`number`.2."""
    made = Host(f"{name}-{os.getpid()}", number)
    try:
        made.make()
        yield made
    finally:
        made.remove()
