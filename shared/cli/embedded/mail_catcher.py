"""Catches every mail that `usher up` sends, as one file each in a folder that the mailbox page shows.

It reads no settings and writes no logs: a process that does so little should be a small one.
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
    """Catch mails at this port of the loopback in this folder, until SIGTERM; `usher up` runs this."""
    asyncio.run(_serve(port, folder))


class _Catcher:
    """What aiosmtpd asks about each mail."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        """Keep the mail as it came, below the addresses that it was handed over with."""
        del server, session
        handed_over = [f"Return-Path: <{envelope.mail_from}>", *(f"Delivered-To: {to}" for to in envelope.rcpt_tos)]
        head = "".join(f"{line}\r\n" for line in handed_over).encode()
        name = new_id("mail")
        part = self._folder / f".{name}"
        part.write_bytes(head + (envelope.original_content or b""))
        # A reader sees the whole file or none.
        part.rename(self._folder / f"{name}.eml")
        return f"250 2.0.0 Caught as {name}"


async def _serve(port: int, folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    loop = asyncio.get_running_loop()
    stop_requested = asyncio.Event()
    loop.add_signal_handler(SIGTERM, stop_requested.set)

    def session() -> Any:
        # Named, or aiosmtpd asks the DNS for this machine's name at each connection.
        return SMTP(_Catcher(folder), hostname="localhost", enable_SMTPUTF8=True, loop=loop)

    server = await loop.create_server(session, _HOST, port)
    await stop_requested.wait()
    server.close()
