"""The OpenAPI 3.1 document, drawn from what each call says of itself; served at `/openapi.json`."""

import re
from typing import Any

from flask import Flask
from pydantic.json_schema import models_json_schema

from web.auth.guards import PERSON
from web.http.body_limits import in_words
from web.http.endpoint import Spec
from web.schemas.base import Problem

_MEANINGS = {
    400: "The body is not JSON.",
    401: "Nobody is signed in, or the credential opens nothing.",
    403: "The permission is missing (`permission` names it), or the credential is of the wrong kind.",
    404: "There is no such thing, or you are a stranger to it.",
    408: "The body came too slowly.",
    409: "It is no longer in a state in which this can be done.",
    410: "The link is over: expired, spent, withdrawn or superseded.",
    413: "The body is larger than this call takes.",
    422: "Fields are invalid (`errors`), or a check refused (`reasons`).",
    429: "Too soon or too often; `Retry-After` says how many seconds to wait.",
}
_GUARDS_ANSWERS: dict[str, set[int]] = {
    "public": set(),
    "signed_in": {401, 403},
    "authenticated": {401},
    "program": {401, 403, 404},
    "member": {401, 404},
    "operator": {401, 403},
    "mail_system": {401, 404},
}
_UNKEYED: dict[str, list[dict[str, list[str]]]] = {"public": [{}, {"bearer": []}], "mail_system": [{"signature": []}]}
_NEEDS = {
    "public": "Anyone may call this.",
    "signed_in": "For people who are signed in.",
    "authenticated": "For anybody with a valid credential.",
    "program": "For API keys and the operator.",
    "member": "For members of the account.",
    "operator": "For the operator.",
    "mail_system": "For the mail system.",
}


def document(app: Flask) -> dict[str, Any]:
    """The whole document."""
    views: dict[str, Any] = dict(app.view_functions)
    calls = [
        (rule, method, views[rule.endpoint])
        for rule in app.url_map.iter_rules()
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
        if hasattr(views[rule.endpoint], "spec")
    ]
    schemas = _schemas([view.spec for _, _, view in calls])
    paths: dict[str, dict[str, Any]] = {}
    for rule, method, view in sorted(calls, key=lambda found: found[0].rule):
        path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
        paths.setdefault(path, {})[method.lower()] = _operation(view, rule.arguments, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Usher",
            "version": "1",
            "description": "Invites colleagues into shared accounts, and decides who may do what there.",
        },
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}],
        "paths": paths,
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A session's token, an API key, or the operator key.",
                },
                "signature": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "webhook-signature",
                    "description": "As Standard Webhooks has it: over webhook-id, webhook-timestamp and the body.",
                },
            },
        },
    }


def _schemas(specs: list[Spec]) -> dict[str, Any]:
    incoming = {spec.body for spec in specs} | {spec.query for spec in specs}
    outgoing = {spec.response for spec in specs} | {Problem}
    models = [(model, "validation") for model in incoming if model] + [
        (model, "serialization") for model in outgoing if model
    ]
    models.sort(key=lambda pair: pair[0].__name__)
    refs, schema = models_json_schema(models, ref_template="#/components/schemas/{model}")  # type: ignore[arg-type]
    return {"refs": {model: ref["$ref"] for (model, _), ref in refs.items()}, "$defs": schema["$defs"]}


def _operation(view: Any, arguments: set[str], schemas: dict[str, Any]) -> dict[str, Any]:
    spec: Spec = view.spec
    description = (view.__doc__ or "").strip().partition("\n")[2].strip()
    needs = _NEEDS.get(view.guard) or _needs_permission(view.guard)
    operation: dict[str, Any] = {
        "operationId": view.__name__,
        "tags": [spec.tag],
        "summary": spec.summary,
        "description": " ".join([needs, *description.split()]),
        "parameters": [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in sorted(arguments)
        ]
        + _query_parameters(spec, schemas),
        "responses": _responses(view.guard, spec, schemas),
    }
    if view.guard in _UNKEYED:
        operation["security"] = _UNKEYED[view.guard]
    if spec.body is not None:
        content: dict[str, Any] = {"schema": {"$ref": schemas["refs"][spec.body]}}
        # No body is read as an empty one.
        needed = any(field.is_required() for field in spec.body.model_fields.values())
        if spec.example is not None:
            content["example"] = spec.example
        texts = {media_type: {"schema": {"type": "string"}} for media_type in spec.texts}
        operation["requestBody"] = {
            "required": needed,
            "description": f"At most {in_words(spec.max_body)}.",
            "content": {"application/json": content} | texts,
        }
    return operation


def _needs_permission(guard: str) -> str:
    if guard.startswith(PERSON):
        return f"For people with the permission `{guard.removeprefix(PERSON)}`; API keys can't call this."
    return f"Needs the permission `{guard}`."


def _query_parameters(spec: Spec, schemas: dict[str, Any]) -> list[dict[str, Any]]:
    if spec.query is None:
        return []
    fields = schemas["$defs"][schemas["refs"][spec.query].rpartition("/")[2]]["properties"]
    return [{"name": name, "in": "query", "required": False, "schema": schema} for name, schema in fields.items()]


def _responses(guard: str, spec: Spec, schemas: dict[str, Any]) -> dict[str, Any]:
    good: dict[str, Any] = {"description": "Done."}
    if spec.response is not None:
        good["content"] = {"application/json": {"schema": {"$ref": schemas["refs"][spec.response]}}}
    expected = set(spec.problems) | _GUARDS_ANSWERS.get(guard, {401, 403, 404})
    expected |= {400, 408, 413, 422} if spec.body else ({422} if spec.query else set())
    # Any call may meet too many credentials that open nothing.
    expected |= {429} if guard != "mail_system" else set()
    problem = {"application/problem+json": {"schema": {"$ref": schemas["refs"][Problem]}}}
    return {str(spec.status): good} | {
        str(status): {"description": _MEANINGS[status], "content": problem} for status in sorted(expected)
    }
