"""Asks name servers where a domain's email goes: MX, else the domain itself (RFC 5321, 5.1), or nowhere (RFC 7505).

One thread sends all queries of a process concurrently, each with its own time limit, so a domain with silent servers
delays no other. If no name server answers at all, the first query notices. Until one answers, every query is `unknown`
at once, because a machine without a network should still send its emails.
"""

import asyncio
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from datetime import timedelta

from dns.asyncresolver import Resolver as Asker
from dns.exception import DNSException, Timeout
from dns.nameserver import Do53Nameserver
from dns.resolver import NXDOMAIN, Answer, NoNameservers

from shared.observability import log
from shared.policy import MailAnswer

logger = log.get(__name__)

PING_SECONDS = 0.8
"""Seconds that a name server may take to answer from its cache. After that it counts as unreachable."""

REST_SECONDS = 5.0
"""Seconds until silent name servers are queried again."""

MailReply = tuple[MailAnswer, str]
"""An answer and its source. For `unknown`, the reason."""

_SILENT: MailReply = (MailAnswer.UNKNOWN, "no name server answers")


class Resolver:
    """DNS client for many domains at once. `servers` are addresses and ports; none means the system's own."""

    def __init__(self, servers: Sequence[tuple[str, int]], timeout: timedelta) -> None:
        self._servers = servers
        self._seconds = timeout.total_seconds()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def fetch(self, domain: str) -> Future[MailReply]:
        """Look up where a domain's email goes. The future completes within the timeout and never raises."""
        self._start()
        return asyncio.run_coroutine_threadsafe(self._answered(domain), self._loop)

    def close(self) -> None:
        """Stop sending queries."""
        with self._lock:
            if self._thread is not None:
                self._loop.call_soon_threadsafe(self._loop.stop)
                self._thread.join(timeout=2)
                self._thread = None

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                self._loop = asyncio.new_event_loop()
                self._asker, self._name = _asker(self._servers, self._seconds)
                self._silent, self._doubt = asyncio.Event(), asyncio.Event()
                self._answers, self._last = 0, "."
                self._thread = threading.Thread(target=self._run, name="name servers", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        self._doubt.set()
        watch = self._loop.create_task(self._watch())
        self._loop.run_forever()
        left = asyncio.all_tasks(self._loop)
        for task in left:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(watch, *left, return_exceptions=True))
        self._loop.close()

    async def _answered(self, domain: str) -> MailReply:
        """The answer for this domain, or that no name server answers, whichever is known first."""
        if self._silent.is_set():
            return _SILENT
        self._last = domain
        answer = asyncio.ensure_future(self._looked_up(domain))
        silence = asyncio.ensure_future(self._silent.wait())
        try:
            await asyncio.wait({answer, silence}, return_when=asyncio.FIRST_COMPLETED)
            return answer.result() if answer.done() else _SILENT
        finally:
            answer.cancel()
            silence.cancel()

    async def _looked_up(self, domain: str) -> MailReply:
        try:
            async with asyncio.timeout(self._seconds):
                found = await self._mail_of(domain)
        except NXDOMAIN:
            if await self._cut_off():
                return (
                    MailAnswer.UNKNOWN,
                    "the system's name servers deny even the root, so they have no connection to the internet",
                )
            found = MailAnswer.NOT_FOUND
        except NoNameservers:
            self._answers += 1
            return MailAnswer.UNKNOWN, "its name servers could not answer (SERVFAIL)"
        except (TimeoutError, Timeout):
            self._doubt.set()
            return MailAnswer.UNKNOWN, f"no name server answered within {self._seconds:g} s"
        except (DNSException, OSError, ValueError) as error:
            return MailAnswer.UNKNOWN, f"the query could not be sent ({type(error).__name__})"
        self._answers += 1
        return found, self._name

    async def _cut_off(self) -> bool:
        """True if the system's name servers deny every name, even the root, as on a machine without a network.

        Servers that a setting names are trusted.
        """
        if self._servers:
            return False
        try:
            await self._resolve(".", "NS")
        except NXDOMAIN:
            return True
        except DNSException:
            return False
        return False

    async def _mail_of(self, domain: str) -> MailAnswer:
        exchanges = await self._resolve(domain, "MX")
        if exchanges.rrset is not None:
            targets = {record.exchange.to_text() for record in exchanges.rrset}
            return MailAnswer.NULL_MX if targets == {"."} else MailAnswer.MX
        for kind in ("A", "AAAA"):
            if (await self._resolve(domain, kind)).rrset is not None:
                return MailAnswer.ADDRESS
        return MailAnswer.NO_MAIL

    async def _resolve(self, name: str, kind: str) -> Answer:
        return await self._asker.resolve(
            name.rstrip(".") + ".", kind, raise_on_no_answer=False, search=False, lifetime=self._seconds
        )

    async def _watch(self) -> None:
        """When in doubt, test if any name server answers, and mark all as silent until one does."""
        while True:
            await self._doubt.wait()
            self._doubt.clear()
            while not await self._anybody():
                if not self._silent.is_set():
                    logger.warning("no name server answers; skipping domain checks", servers=self._name)
                self._silent.set()
                await asyncio.sleep(REST_SECONDS)
            self._silent.clear()

    async def _anybody(self) -> bool:
        """True if a name server answers, even with a refusal, about the root or the last queried domain."""
        answers = self._answers
        pings = [self._pinged(".", "NS"), self._pinged(self._last, "MX")]
        questions = {asyncio.ensure_future(ping) for ping in pings}
        for question in asyncio.as_completed(questions):
            if await question or self._answers > answers:
                break
        else:
            return self._answers > answers
        for task in questions:
            task.cancel()
        return True

    async def _pinged(self, name: str, kind: str) -> bool:
        try:
            await self._asker.resolve(name, kind, raise_on_no_answer=False, search=False, lifetime=PING_SECONDS)
        except (NXDOMAIN, NoNameservers):
            return True
        except (DNSException, OSError, ValueError):
            return False
        return True


def _asker(servers: Sequence[tuple[str, int]], seconds: float) -> tuple[Asker, str]:
    """The DNS client, and a description of its servers."""
    try:
        asker = Asker(configure=not servers)
    except DNSException:
        # The system names no server. All queries then fail as if every server were silent.
        asker = Asker(configure=False)
    if servers:
        asker.nameservers = [Do53Nameserver(host, port) for host, port in servers]
    asker.timeout = min(1.5, seconds)
    asker.lifetime = seconds
    return asker, "DNS (" + (", ".join(f"{host}:{port}" for host, port in servers) or "the system's servers") + ")"
