"""Catches every email that `usher up` sends, one file each, in a folder that the mailbox page shows.

It reads no settings and writes no logs, to stay a small process.
"""

import asyncio
from pathlib import Path
from signal import SIGTERM
from typing import Any

import click
from aiosmtpd.smtp import SMTP, Envelope, Session

from shared.ids import new_id

_HOST = "127.0.0.1"


@click.command(hidden=True)
@click.argument("port", type=int)
@click.argument("folder", type=click.Path(path_type=Path))
def mail_catcher(port: int, folder: Path) -> None:
    """Catch emails on this loopback port in this folder, until SIGTERM. Started by `usher up`."""
    asyncio.run(_serve(port, folder))


class _Catcher:
    """The aiosmtpd handler for each email."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        """Save the email unchanged, below headers with its envelope addresses."""
        del server, session
        handed_over = [f"Return-Path: <{envelope.mail_from}>", *(f"Delivered-To: {to}" for to in envelope.rcpt_tos)]
        head = "".join(f"{line}\r\n" for line in handed_over).encode()
        name = new_id("mail")
        part = self._folder / f".{name}"
        part.write_bytes(head + (envelope.original_content or b""))
        # Readers see a complete file or none.
        part.rename(self._folder / f"{name}.eml")
        return f"250 2.0.0 Caught as {name}"


async def _serve(port: int, folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    loop = asyncio.get_running_loop()
    stop_requested = asyncio.Event()
    loop.add_signal_handler(SIGTERM, stop_requested.set)

    def session() -> Any:
        # Without a name, aiosmtpd looks this machine's up in the DNS for each connection.
        return SMTP(_Catcher(folder), hostname="localhost", enable_SMTPUTF8=True, loop=loop)

    server = await loop.create_server(session, _HOST, port)
    await stop_requested.wait()
    server.close()
