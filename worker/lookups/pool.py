"""The lookups of one process, which wait for answers only as long as other jobs can spare.

An unanswered lookup continues in the background while its job waits in the database. The answer is ready by the time
the job is due again.
"""

import time
from collections.abc import Collection
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from typing import Any

from shared.screening.lookups import Lookup, Topic
from shared.settings.settings import Settings
from worker.lookups.contracts import Billing
from worker.lookups.dns import Resolver

PATIENCE_SECONDS = 0.15
"""Seconds that a batch waits for a new lookup. Name servers that know the answer need a tenth of that."""

LULL_SECONDS = 0.03
"""Seconds that a batch waits for another answer after the last one. Anything still silent may stay so for long."""

FORGET_SECONDS = 60.0
"""Seconds that an answer stays available. Its job may have gone to another process."""


@dataclass(slots=True)
class _Pending:
    answer: "Future[Any]"
    at: float = field(default_factory=time.monotonic)


class LookupPool:
    """The pending lookups of one process."""

    def __init__(self, settings: Settings) -> None:
        self._resolver = Resolver(settings.dns_servers, settings.dns_timeout)
        self._billing = Billing(settings.billing_url, settings.billing_key)
        self._pending: dict[Lookup, _Pending] = {}

    def fetch(self, lookups: Collection[Lookup]) -> dict[Lookup, Any]:
        """Start the lookups and return the answers that arrive within moments. Ask for the others again later."""
        self._forget()
        pending = {lookup: self._pending.get(lookup) or self._begin(lookup) for lookup in lookups}
        newest = max((each.at for each in pending.values()), default=0.0)
        _wait_for({each.answer for each in pending.values()}, until=newest + PATIENCE_SECONDS)
        answered = {lookup: each.answer.result() for lookup, each in pending.items() if each.answer.done()}
        for lookup in answered:
            del self._pending[lookup]
        return answered

    def close(self) -> None:
        """Stop all lookups."""
        self._resolver.close()
        self._billing.close()

    def _begin(self, lookup: Lookup) -> _Pending:
        topic, subject = lookup
        answer = self._resolver.fetch(subject) if topic is Topic.MAIL else self._billing.fetch(subject)
        self._pending[lookup] = pending = _Pending(answer)
        return pending

    def _forget(self) -> None:
        now = time.monotonic()
        for lookup, pending in list(self._pending.items()):
            if now - pending.at > FORGET_SECONDS:
                del self._pending[lookup]


def _wait_for(answers: "set[Future[Any]]", *, until: float) -> None:
    """Wait until all have answered or no more answers seem to come. `until` is in seconds of the monotonic clock."""
    left = {answer for answer in answers if not answer.done()}
    while left and (seconds := until - time.monotonic()) > 0:
        done, left = wait(left, timeout=seconds, return_when=FIRST_COMPLETED)
        if done:
            until = min(until, time.monotonic() + LULL_SECONDS)
