"""The OpenAPI 3.1 document, generated from the declarations of the calls and served at `/openapi.json`."""

import re
from typing import Any

from flask import Flask
from pydantic.json_schema import models_json_schema

from web.auth.guards import OPERATOR_OR, PERSON
from web.http.body_limits import in_words
from web.http.endpoint import Spec
from web.schemas.base import Problem

_MEANINGS = {
    400: "The body is not JSON.",
    401: "The credential is missing or invalid.",
    403: "The caller lacks the permission named in `permission`, or the type of credential isn't allowed.",
    404: "The resource doesn't exist, or the caller has no access to it.",
    408: "The body took too long to arrive.",
    409: "The current state of the resource doesn't allow this.",
    410: "The link no longer works: it has expired, or was used, revoked or replaced.",
    413: "The body is too large for this call.",
    422: "Fields are invalid (see `errors`), or a check refused (see `reasons`).",
    429: "Too many requests. Wait for the number of seconds in `Retry-After`.",
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
    "signed_in": "Requires a signed-in user.",
    "authenticated": "Requires a valid credential of any kind.",
    "program": "Requires an API key or the operator key.",
    "member": "Requires a member or an API key of the account.",
    "operator": "Requires the operator key.",
    "mail_system": "Requires a signature of the mail system.",
}


def document(app: Flask) -> dict[str, Any]:
    """Return the whole OpenAPI document."""
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
            "description": "Invite colleagues into shared accounts, and control what each of them can do.",
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
                    "description": "A session token, an API key, or the operator key.",
                },
                "signature": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "webhook-signature",
                    "description": "A Standard Webhooks signature of webhook-id, webhook-timestamp and the body.",
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
        # An empty body is parsed as an empty object.
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
        return f"Requires a user with the permission `{guard.removeprefix(PERSON)}`. API keys can't call this."
    if guard.startswith(OPERATOR_OR):
        return f"Requires the permission `{guard.removeprefix(OPERATOR_OR)}`, or the operator key."
    return f"Requires the permission `{guard}`."


def _query_parameters(spec: Spec, schemas: dict[str, Any]) -> list[dict[str, Any]]:
    if spec.query is None:
        return []
    fields = schemas["$defs"][schemas["refs"][spec.query].rpartition("/")[2]]["properties"]
    return [{"name": name, "in": "query", "required": False, "schema": schema} for name, schema in fields.items()]


def _responses(guard: str, spec: Spec, schemas: dict[str, Any]) -> dict[str, Any]:
    good: dict[str, Any] = {"description": "Success."}
    if spec.response is not None:
        good["content"] = {"application/json": {"schema": {"$ref": schemas["refs"][spec.response]}}}
    expected = set(spec.problems) | _GUARDS_ANSWERS.get(guard, {401, 403, 404})
    expected |= {400, 408, 413, 422} if spec.body else ({422} if spec.query else set())
    # Any call may be refused after too many invalid credentials.
    expected |= {429} if guard != "mail_system" else set()
    problem = {"application/problem+json": {"schema": {"$ref": schemas["refs"][Problem]}}}
    return {str(spec.status): good} | {
        str(status): {"description": _MEANINGS[status], "content": problem} for status in sorted(expected)
    }
