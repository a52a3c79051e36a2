"""`Idempotency-Key` on calls that create: the answer is kept in the very transaction that it tells of."""

import hashlib
from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import Response, current_app, request

from shared.errors import Invalid
from shared.services import idempotency
from web import auth
from web.database import transaction

HEADER = "Idempotency-Key"
_LONGEST = 255
_KEPT_HEADERS = ("Content-Type", "Location")


def idempotent(view: Callable[..., Any]) -> Callable[..., Any]:
    """Answer the first result again to the same caller, key and body; another body under the key is a conflict."""

    @wraps(view)
    def once(**path: Any) -> Any:
        key = request.headers.get(HEADER)
        if key is None:
            return view(**path)
        if not 1 <= len(key) <= _LONGEST or not key.isprintable():
            raise Invalid([(HEADER, f"1 to {_LONGEST} printable characters.")])
        return _answered(view, path, caller=auth.caller().name, key=key)

    return once


def _answered(view: Callable[..., Any], path: dict[str, Any], *, caller: str, key: str) -> Response:
    asked = b"\n".join([request.method.encode(), request.full_path.encode(), request.get_data()])
    with transaction() as session:
        kept = idempotency.begin(session, caller=caller, key=key, fingerprint=hashlib.sha256(asked).digest())
        if kept is not None:
            return Response(kept.body, kept.status, kept.headers | {"Idempotent-Replayed": "true"})
        answer = current_app.make_response(view(**path))
        headers = {name: answer.headers[name] for name in _KEPT_HEADERS if name in answer.headers}
        idempotency.finish(
            session,
            caller=caller,
            key=key,
            answer=idempotency.Answer(answer.status_code, headers, answer.get_data()),
        )
    return answer
