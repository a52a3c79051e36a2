"""Headers of every response: the id of its request, and what browsers may do with it.

They are added outside the application, because eight headers per response through Flask cost as much as routing.
"""

import re
from collections.abc import Callable, Iterable
from typing import Any

from shared.ids import new_id
from web.wsgi import Application, Environ

REQUEST_ID = "usher.request_id"
"""The key of the request id in the WSGI environment: the caller's own id if it is well-formed, or a new one."""

_REQUEST_ID = re.compile(r"[A-Za-z0-9_.-]{8,64}")
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
    "font-src 'self'; connect-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_OVER_TLS = {"Strict-Transport-Security": "max-age=31536000; includeSubDomains"}


def with_security_headers(application: Application, *, over_tls: bool) -> Application:
    """Wrap the application so that each response has these headers, unless it sets them itself."""
    always = tuple((_HEADERS | (_OVER_TLS if over_tls else {})).items())

    def answer(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        given = environ.get("HTTP_X_REQUEST_ID", "")
        request_id = environ[REQUEST_ID] = given if _REQUEST_ID.fullmatch(given) else new_id("req")

        def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            names = {name for name, _ in headers}
            headers.append(("X-Request-Id", request_id))
            headers.extend([header for header in always if header[0] not in names])
            return start_response(status, headers, *more)

        return application(environ, start)

    return answer
