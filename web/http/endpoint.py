"""The declaration of a REST call: its input and its response. Parsing, presenting and the OpenAPI document use it.

Plain pydantic instead of an API framework: it parses the JSON itself (all errors at once, no deep recursion, no
oversized numbers), serializes responses from rows in one pass, and its schemas are those of OpenAPI 3.1.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any

from flask import Blueprint, Response, request
from msgspec.json import encode
from pydantic import BaseModel

from shared.errors import Invalid
from web.http.body_limits import SMALL, takes
from web.schemas.validation import parse_or_refuse

v1 = Blueprint("v1", __name__, url_prefix="/v1")


@dataclass(frozen=True, slots=True)
class Spec:
    """A call's declaration, as the OpenAPI document describes it."""

    tag: str
    summary: str
    body: type[BaseModel] | None
    query: type[BaseModel] | None
    response: type[BaseModel] | None
    status: int
    problems: tuple[int, ...]
    example: Mapping[str, Any] | None
    texts: tuple[str, ...]
    max_body: int


def endpoint(
    tag: str,
    *,
    body: type[BaseModel] | None = None,
    query: type[BaseModel] | None = None,
    response: type[BaseModel] | None = None,
    status: int = 200,
    problems: tuple[int, ...] = (),
    example: Mapping[str, Any] | None = None,
    texts: tuple[str, ...] = (),
    max_body: int = SMALL,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Parse `body` (up to `max_body` bytes) and `query` for the view, and present what it returns with `status`.

    The view returns a row, a mapping or None, optionally in a tuple with response headers. A complete response is
    passed on unchanged. A body with a media type in `texts` is not parsed: the view gets None and reads the body
    itself.
    """

    def described(view: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(view)
        def answered(**path: Any) -> Response:
            parsed: dict[str, Any] = {}
            if body is not None and request.mimetype in texts:
                parsed["body"] = None
            elif body is not None:
                parsed["body"] = parse_or_refuse(lambda: body.model_validate_json(request.get_data() or b"{}"))
            if query is not None:
                parsed["query"] = parse_or_refuse(lambda: query.model_validate(_query()))
            returned = view(**path, **parsed)
            payload, headers = returned if isinstance(returned, tuple) else (returned, {})
            return _present(payload, response, status, headers)

        summary = (view.__doc__ or view.__name__).strip().split("\n")[0]
        answered.spec = Spec(  # type: ignore[attr-defined]
            tag, summary, body, query, response, status, problems, example, texts, max_body
        )
        return takes(max_body)(answered)

    return described


def _query() -> dict[str, str]:
    found = request.args.to_dict()
    unfit = [(name, "Holds a character that is not text.") for name, value in found.items() if "\0" in name + value]
    if unfit:
        raise Invalid([(name.replace("\0", ""), message) for name, message in unfit])
    return found


def json_response(payload: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return a response whose payload already has the declared shape. Validating fifty rows would take three times as
    long."""
    return Response(encode(payload), status, headers, content_type="application/json")


def _present(payload: Any, response: type[BaseModel] | None, status: int, headers: Mapping[str, str]) -> Response:
    if isinstance(payload, Response):
        return payload
    if response is None:
        return Response(b"", status, headers=dict(headers))
    text = response.model_validate(payload).model_dump_json()
    return Response(text, status, headers=dict(headers), content_type="application/json")
