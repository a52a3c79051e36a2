"""Where one process asks the outside world, and waits for answers no longer than others can spare.

What isn't answered at once is asked on in the background, while its job waits in the database; by the time the job
comes round again, the answer is here.
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
"""How long a round waits for a question that is new; name servers that know the answer need a tenth of that."""

LULL_SECONDS = 0.03
"""How long a round that has had answers waits for one more: whoever is silent by then may be so for long."""

FORGET_SECONDS = 60.0
"""How long an answer waits to be fetched; its job may have gone to another process."""


@dataclass(slots=True)
class _Pending:
    answer: "Future[Any]"
    at: float = field(default_factory=time.monotonic)


class LookupPool:
    """The questions of one process that are on their way."""

    def __init__(self, settings: Settings) -> None:
        self._resolver = Resolver(settings.dns_servers, settings.dns_timeout)
        self._billing = Billing(settings.billing_url, settings.billing_key)
        self._pending: dict[Lookup, _Pending] = {}

    def fetch(self, lookups: Collection[Lookup]) -> dict[Lookup, Any]:
        """The answers that are there within moments; for those that are left out, ask again later."""
        self._forget()
        pending = {lookup: self._pending.get(lookup) or self._begin(lookup) for lookup in lookups}
        newest = max((each.at for each in pending.values()), default=0.0)
        _wait_for({each.answer for each in pending.values()}, until=newest + PATIENCE_SECONDS)
        answered = {lookup: each.answer.result() for lookup, each in pending.items() if each.answer.done()}
        for lookup in answered:
            del self._pending[lookup]
        return answered

    def close(self) -> None:
        """Ask nothing any more."""
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
    """Wait until all are there, or nothing more seems to come; `until` is by the monotonic clock."""
    left = {answer for answer in answers if not answer.done()}
    while left and (seconds := until - time.monotonic()) > 0:
        done, left = wait(left, timeout=seconds, return_when=FIRST_COMPLETED)
        if done:
            until = min(until, time.monotonic() + LULL_SECONDS)
