"""`Idempotency-Key` on calls that create: the response is stored in the transaction that it reports."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import Response, current_app, request

from shared.actor import ActorKind
from shared.errors import Invalid
from shared.limits import idempotency
from shared.limits.idempotency import Request
from shared.tokens import fingerprints
from web.auth import identity
from web.context import app_context
from web.database import transaction

HEADER = "Idempotency-Key"
_LONGEST = 255
_KEPT_HEADERS = ("Content-Type", "Location")


def idempotent(view: Callable[..., Any]) -> Callable[..., Any]:
    """Repeat the first response for the same caller, key and body. The key with another body is a conflict."""

    @wraps(view)
    def once(**path: Any) -> Any:
        key = request.headers.get(HEADER)
        if key is None:
            return view(**path)
        if not 1 <= len(key) <= _LONGEST or not key.isprintable():
            raise Invalid([(HEADER, f"1 to {_LONGEST} printable characters.")])
        return _answered(view, path, _requests(key))

    return once


def _answered(view: Callable[..., Any], path: dict[str, Any], requests: list[Request]) -> Response:
    with transaction() as session:
        kept = idempotency.begin(session, requests)
        if kept is not None:
            return Response(kept.body, kept.status, kept.headers | {"Idempotent-Replayed": "true"})
        answer = current_app.make_response(view(**path))
        headers = {name: answer.headers[name] for name in _KEPT_HEADERS if name in answer.headers}
        kept = idempotency.StoredResponse(answer.status_code, headers, answer.get_data())
        idempotency.finish(session, requests[0], answer=kept)
    return answer


def _requests(key: str) -> list[Request]:
    """Return this request in the forms under which its response may be stored, one for each secret key.

    An anonymous caller's response is found only by the identical request.
    """
    who = identity.credential()
    parts = (who.name, request.method, request.full_path)
    found = fingerprints(app_context().settings.secret_keys, *(part.encode() for part in parts), request.get_data())
    if who.kind is ActorKind.ANYONE:
        return [Request(f"{who.name}/{each.hex()}", key, each) for each in found]
    return [Request(who.name, key, each) for each in found]
