"""Acts on a form once: a second press, a reload or a retry of the same form gets what the first one did.

Each page's forms carry a fresh token (`web.auth.csrf`), so the same token, address and fields are the same press.
What came
of it is kept like the answers to `Idempotency-Key`: in the transaction of its effect, for this browser alone, for two
days. The unique key has a second press wait for the first. A refused form leaves nothing behind.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from flask import request

from shared.errors import NotFound
from shared.limits import idempotency
from shared.limits.idempotency import SPENT, Request, StoredResponse
from shared.tokens import fingerprints, sha256
from web.auth import csrf
from web.context import app_context
from web.database import transaction

_DONE = 303


@dataclass(frozen=True, slots=True)
class Press:
    """One press of a form: what came of it, and the handle by which this browser finds that again."""

    handle: str
    outcome: Any
    spent: bool = False


def once(act: Callable[[], Any]) -> Press:
    """What `act` returned the first time that this very form was sent; something that JSON can hold.

    `act` runs in the transaction that keeps its outcome, and raises where the form is refused.
    """
    requests = _requests()
    with transaction() as session:
        kept = idempotency.begin(session, requests)
        if kept is not None:
            return _press(kept)
        first = Press(requests[0].key, act())
        body = json.dumps({"handle": first.handle, "outcome": first.outcome}).encode()
        idempotency.finish(session, requests[0], answer=StoredResponse(_DONE, {}, body))
    return first


def handle() -> str:
    """The handle of the press that is being answered: nobody else's, and no other press's."""
    return _requests()[0].key


def before() -> Press | None:
    """What came of this very press before, if it was made before."""
    with transaction() as session:
        kept = [idempotency.find(session, caller=each.caller, key=each.key) for each in _requests()]
    return next((_press(each) for each in kept if each is not None), None)


def find(handle: str) -> Press | None:
    """The press with this handle, where it was made in this browser."""
    with transaction() as session:
        kept = idempotency.find(session, caller=_browser(), key=handle)
    return _press(kept) if kept else None


def recall(handle: str) -> Press:
    """The same; raises `NotFound` where there is none, or it was made days ago."""
    press = find(handle)
    if press is None:
        raise NotFound("This page has expired.", remedy="Go to the home page.")
    return press


def spend(press: Press, *, window: timedelta) -> bool:
    """Mark what is shown once as shown; whether it may be shown: the first time, and for `window` after it."""
    with transaction() as session:
        return idempotency.spend(session, caller=_browser(), key=press.handle, window=window)


def _press(kept: StoredResponse) -> Press:
    kept_answer = json.loads(kept.body)
    return Press(kept_answer["handle"], kept_answer["outcome"], kept.status == SPENT)


def _requests() -> list[Request]:
    fields = json.dumps(sorted(request.form.items(multi=True))).encode()
    found = fingerprints(app_context().settings.secret_keys, request.path.encode(), fields, *_files())
    return [Request(_browser(), each.hex(), each) for each in found]


def _files() -> Iterator[bytes]:
    for _, file in sorted(request.files.items(multi=True)):
        yield file.read()
        file.seek(0)


def _browser() -> str:
    return f"form/{sha256(csrf.seed()).hex()}"
