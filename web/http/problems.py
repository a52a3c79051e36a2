"""The one table from domain errors to HTTP statuses, and the two presentations of an error: problem+json and a page."""

from typing import Any

import psycopg
from flask import Flask, Response, g, json, render_template, request
from sqlalchemy.exc import DataError
from werkzeug.exceptions import HTTPException

from shared import errors
from shared.db.engine import GIVEN_UP, UNAVAILABLE
from shared.observability import log
from web.database import discard_connection
from web.http import body_limits, rate_limit_headers

STATUS: dict[type[errors.UsherError], int] = {
    errors.Unreadable: 400,
    errors.Unauthenticated: 401,
    errors.PasswordNeeded: 401,
    errors.SignupPasswordWrong: 401,
    errors.PermissionDenied: 403,
    errors.EmailUnconfirmed: 403,
    errors.Forged: 403,
    errors.CredentialNotAllowed: 403,
    errors.NotFound: 404,
    errors.LinkInvalid: 404,
    errors.Conflict: 409,
    errors.LinkDead: 410,
    errors.Invalid: 422,
    errors.PasswordCommon: 422,
    errors.Refused: 422,
    errors.LimitReached: 429,
    errors.TooSoon: 429,
    errors.Unavailable: 503,
}

# Status: code, title, detail, remedy.
_HTTP_CODES = {
    400: ("validation_failed", "The request can't be read", "It holds something that can't be read.", "Send JSON."),
    404: ("not_found", "Not found", "There is nothing at this address.", "Check it; all calls stand at /docs."),
    405: ("method_not_allowed", "Not that method", "This address doesn't take it.", "The Allow header names others."),
    408: ("too_slow", "The request came too slowly", "Its body did not arrive in time.", "Send it again."),
    413: ("too_large", "The request is too large", "It is larger than {most}.", "Send at most {most}."),
    421: (
        "wrong_host",
        "This address isn't served here",
        "The Host header names another host.",
        "Use the address in USHER_PUBLIC_URL.",
    ),
    415: ("validation_failed", "The request can't be read", "It is not JSON.", "Send JSON."),
}
_REFUSED = ("http_error", "The request was refused", "It can't be answered.", "")

# The errors of a statement that took too long, or waited too long for a lock.
_BUSY = (psycopg.errors.QueryCanceled, psycopg.errors.LockNotAvailable)

# If a script requested a part of a page, the error replaces the page's content.
_IN_PLACE = {"HX-Retarget": "#content", "HX-Reselect": "#content", "HX-Reswap": "outerHTML"}

HTTP_TITLES = frozenset(title for _, title, *_ in (*_HTTP_CODES.values(), _REFUSED)) | {"Something went wrong here"}
"""The titles that no domain error has."""


def register(app: Flask) -> None:
    """Register the handlers for all errors."""
    app.register_error_handler(errors.UsherError, _domain)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(RecursionError, _unreadable)
    for bad in (DataError, psycopg.DataError):
        app.register_error_handler(bad, _unreadable)
    for away in (*UNAVAILABLE, *GIVEN_UP, psycopg.OperationalError):
        app.register_error_handler(away, _database_unavailable)
    app.register_error_handler(Exception, _unforeseen)


def problem(status: int, code: str, title: str, detail: str, remedy: str = "", **more: Any) -> Response:
    """Return an error as RFC 9457 problem+json, or as a page if the caller accepts HTML."""
    body = {"type": f"urn:usher:error:{code}", "title": title, "status": status, "detail": detail, "code": code}
    body |= {"remedy": remedy} if remedy else {}
    body |= {"request_id": g.get("request_id")} | more
    if request.path.startswith("/v1/") or not request.accept_mimetypes.accept_html:
        return Response(json.dumps(body), status, content_type="application/problem+json")
    page = render_template("pages/error.html", problem=body)
    return Response(page, status, _IN_PLACE if "HX-Request" in request.headers else None, mimetype="text/html")


def headers_of(error: errors.UsherError) -> dict[str, str]:
    """Return the response headers for this error: when to retry, or how to authenticate."""
    if isinstance(error, errors.TooSoon):
        return {"Retry-After": str(error.retry_after)}
    if isinstance(error, errors.LimitReached):
        return rate_limit_headers.headers_of_limit(error)
    headers = {401: {"WWW-Authenticate": "Bearer"}, 503: {"Retry-After": "5"}}
    return headers.get(STATUS[type(error)], {})


def _domain(error: errors.UsherError) -> Response:
    more: dict[str, Any] = {}
    if isinstance(error, errors.Refused):
        more["reasons"] = [reason.as_json() for reason in error.reasons]
    if isinstance(error, errors.Invalid):
        more["errors"] = [{"field": field, "message": message} for field, message in error.errors]
        more["error_count"] = error.count
    if isinstance(error, errors.PermissionDenied) and error.permission:
        more["permission"] = error.permission
    status = STATUS[type(error)]
    answer = problem(status, error.code, error.title, error.detail, error.remedy, **more)
    answer.headers.update(headers_of(error))
    return answer


def _http(error: HTTPException) -> Response:
    status = error.code or 500
    if status < 400:
        return Response(status=status, headers=dict(error.get_headers()))
    answer = _plain(status, most=body_limits.in_words(request.max_content_length or body_limits.LARGE))
    allowed = getattr(error, "valid_methods", None)
    if allowed:
        answer.headers["Allow"] = ", ".join(sorted(allowed))
    return answer


def _unreadable(_: Exception) -> Response:
    return _plain(400)


def _plain(status: int, **words: str) -> Response:
    code, title, detail, remedy = _HTTP_CODES.get(status, _REFUSED)
    return problem(status, code, title, f"{detail} Nothing was changed.".format(**words), remedy.format(**words))


def _database_unavailable(error: Exception) -> Response:
    cause = getattr(error, "orig", None) or error
    log.get(__name__).error("database unavailable", error=type(cause).__name__)
    discard_connection()
    state = "is busy with another operation" if isinstance(cause, _BUSY) else "is away for the moment"
    return _domain(
        errors.Unavailable(
            f"The database {state}. Nothing was half done.",
            remedy="Send the request again in a few seconds; with an Idempotency-Key, nothing is done twice.",
        )
    )


def _unforeseen(error: Exception) -> Response:
    log.get(__name__).error("unhandled error", exc_info=error)
    return problem(
        500,
        "internal_error",
        "Something went wrong here",
        "That was our fault. Nothing was half done.",
        "Try again; if it stays, tell the operator the request id.",
    )
