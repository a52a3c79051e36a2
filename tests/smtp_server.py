"""A real SMTP server on loopback that keeps the emails it accepts, with replies scripted by the test.

    with SmtpServer() as server:
        server.say("RCPT", "450 4.7.1 greylisted")      # reply to the next RCPT; later ones get the usual reply
        server.say("DOT", DROP, times=2)                # accept two emails and disconnect instead of replying

Stages: GREETING, EHLO, STARTTLS, MAIL, RCPT, DATA, DOT, RSET. Special replies: DROP closes the connection, SILENCE
never replies, USUAL skips a turn. `emails` has the emails that the server accepted, even if it never said so. `refused`
has those that it refused at the dot.
"""

import asyncio
import ssl
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

DROP = "drop"
SILENCE = "silence"
USUAL = ""


@dataclass(frozen=True, slots=True)
class Mail:
    """One received email: the envelope, the bytes, its connection, and the time (monotonic)."""

    sender: str
    recipient: str
    content: bytes
    connection: int
    at: float = field(default_factory=time.monotonic)

    @property
    def parsed(self) -> Message:
        return message_from_bytes(self.content)

    @property
    def message_id(self) -> str:
        return str(self.parsed["Message-ID"])

    def body(self, subtype: str) -> str:
        """The decoded text of its part `plain` or `html`."""
        parts = [part for part in self.parsed.walk() if part.get_content_type() == f"text/{subtype}"]
        return parts[0].get_payload(decode=True).decode()  # type: ignore[union-attr]


class SmtpServer:
    """The server, running from `with` to the end of the block."""

    def __init__(
        self,
        *,
        pipelining: bool = True,
        smtputf8: bool = True,
        starttls: ssl.SSLContext | None = None,
        implicit_tls: ssl.SSLContext | None = None,
        login: tuple[str, str] | None = None,
        port: int = 0,
    ) -> None:
        self.emails: list[Mail] = []
        self.refused: list[Mail] = []
        self.commands: list[str] = []
        self.connections = 0
        self.packets: list[bytes] = []
        self._pipelining = pipelining
        self._implicit_tls = implicit_tls
        self._login = login
        self._options: dict[str, Any] = {"enable_SMTPUTF8": smtputf8, "tls_context": starttls}
        if login is not None:
            self._options |= {"authenticator": self._authenticate, "auth_require_tls": starttls is not None}
        self._script: dict[str, deque[str]] = defaultdict(deque)
        self._loop = asyncio.new_event_loop()
        self._port = port

    def say(self, stage: str, reply: str, *, times: int = 1) -> None:
        """Script the reply to the next `times` commands of this stage."""
        self._script[stage].extend([reply] * times)

    def url(self, options: str = "", *, scheme: str = "smtp", credentials: str = "", host: str = "127.0.0.1") -> str:
        """The server's address as SMTP_URL."""
        return f"{scheme}://{credentials}{host}:{self._port}{options}"

    def wait_for(self, condition: Callable[[list[Mail]], bool], *, seconds: float = 20) -> list[Mail]:
        """Wait until the received emails meet the condition."""
        deadline = time.monotonic() + seconds
        while not condition(self.emails):
            assert time.monotonic() < deadline, f"not met, with {len(self.emails)} emails"
            time.sleep(0.005)
        return list(self.emails)

    def __enter__(self) -> "SmtpServer":
        started = threading.Event()
        self._thread = threading.Thread(target=self._serve, args=(started,), name="smtp-server", daemon=True)
        self._thread.start()
        assert started.wait(10)
        return self

    def __exit__(self, *exc: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _serve(self, started: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        create = self._loop.create_server(
            lambda: _Conversation(self, **self._options), "127.0.0.1", self._port, ssl=self._implicit_tls
        )
        server = self._loop.run_until_complete(create)
        self._port = server.sockets[0].getsockname()[1]
        started.set()
        self._loop.run_forever()
        server.close()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.close()

    def scripted(self, stage: str) -> str | None:
        """The scripted reply for this stage, or None."""
        return self._script[stage].popleft() if self._script[stage] else None

    def _authenticate(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        known = isinstance(data, LoginPassword) and (data.login.decode(), data.password.decode()) == self._login
        return AuthResult(success=known, handled=False)

    # Called by aiosmtpd.

    async def handle_EHLO(  # noqa: N802
        self, server: Any, session: Any, envelope: Any, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        if self._pipelining:
            responses.insert(1, "250-PIPELINING")
        return responses

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        mail = Mail(envelope.mail_from, envelope.rcpt_tos[0], envelope.content, server.number)
        reply = self.scripted("DOT")
        refused = reply is not None and reply[:1] in "45"
        (self.refused if refused else self.emails).append(mail)
        return await server.perform(reply) if reply else "250 2.0.0 taken"


class _Conversation(SMTP):
    """One connection, which consults the script before each step."""

    def __init__(self, owner: SmtpServer, **options: Any) -> None:
        super().__init__(owner, hostname="mail.test", ident="usher's", **options)
        self._owner = owner
        owner.connections += 1
        self.number = owner.connections
        self._greeted = False

    def data_received(self, data: bytes) -> None:
        self._owner.packets.append(data)
        super().data_received(data)

    async def perform(self, reply: str) -> str:
        """Act as scripted. Returns the line to reply, if the script has one."""
        if reply == SILENCE:
            await asyncio.sleep(3600)
        if reply == DROP:
            self.transport.abort()
            await asyncio.sleep(3600)
        return reply

    async def push(self, status: Any) -> None:
        if not self._greeted:
            self._greeted = True
            status = await self._or_scripted("GREETING") or status
        await super().push(status)

    async def smtp_EHLO(self, hostname: str) -> None:  # noqa: N802
        await self._step("EHLO", super().smtp_EHLO, hostname)

    async def smtp_MAIL(self, arg: str) -> None:  # noqa: N802
        await self._step("MAIL", super().smtp_MAIL, arg)

    async def smtp_RCPT(self, arg: str) -> None:  # noqa: N802
        await self._step("RCPT", super().smtp_RCPT, arg)

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802
        await self._step("DATA", super().smtp_DATA, arg)

    async def smtp_STARTTLS(self, arg: str) -> None:  # noqa: N802
        await self._step("STARTTLS", super().smtp_STARTTLS, arg)

    async def smtp_RSET(self, arg: str) -> None:  # noqa: N802
        await self._step("RSET", super().smtp_RSET, arg)

    async def _step(self, stage: str, usual: Callable[[str], Any], arg: str) -> None:
        self._owner.commands.append(stage)
        reply = await self._or_scripted(stage)
        if reply is None:
            await usual(arg)
        else:
            await self.push(reply)
            if reply.startswith("421"):
                self.transport.close()

    async def _or_scripted(self, stage: str) -> str | None:
        reply = self._owner.scripted(stage)
        return await self.perform(reply) if reply else None
