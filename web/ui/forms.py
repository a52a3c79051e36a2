"""Forms, which are shown again after a refusal: errors appear beside their fields, and all values but passwords are
kept."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import Response, render_template, request

from shared.errors import Conflict, Invalid, Refused, TooSoon, Unauthenticated, UsherError
from web.http.problems import STATUS, headers_of
from web.schemas.validation import Parsed, parse_or_refuse
from web.ui.error_messages import sentence_for
from web.ui.i18n import counted, translated

REFUSALS = (Conflict, Invalid, Refused, TooSoon, Unauthenticated)
"""Refusals that show the form again. All others have a page of their own."""


_SECRET = frozenset({"password", "new_password", "current", "new"})


@dataclass(frozen=True, slots=True)
class Form:
    """A form as it is shown: the typed values, the error of each field, and the message for the whole form."""

    values: Mapping[str, str]
    wrong: Mapping[str, str]
    stopped: str


BLANK = Form({}, {}, "")


def body_of(body: type[Parsed], **given: str) -> Parsed:
    """Parse the posted fields, and those `given`, as this body. Raises `Invalid`, which names each invalid field."""
    fields = {name: text for name, text in request.form.items() if name in body.model_fields}
    return parse_or_refuse(lambda: body.model_validate(fields | given))


def query_of(query: type[Parsed]) -> Parsed:
    """Parse the address's query, without empty parameters. Raises `Invalid`, which names each invalid parameter."""
    parts = {name: text for name, text in request.args.items() if text}
    return parse_or_refuse(lambda: query.model_validate(parts))


def show_again(template: str, refusal: UsherError, **shown: Any) -> Response:
    """Render the page again after a refusal, with the refusal's status and message."""
    return refused(render_template(template, form=refused_form(refusal), **shown), refusal)


def refused_form(refusal: UsherError) -> Form:
    """Return the refused form with its typed values and its errors."""
    wrong = dict(refusal.errors) if isinstance(refusal, Invalid) else {}
    return Form(typed().values, wrong, "" if wrong else sentences(refusal))


def typed() -> Form:
    """Return the submitted form's values, without passwords."""
    return Form({name: text for name, text in request.form.items() if name not in _SECRET}, {}, "")


def refused(page: str, refusal: UsherError) -> Response:
    """Return the page of a refused form, with the status and headers of the refusal."""
    return Response(page, STATUS[type(refusal)], headers_of(refusal))


def sentences(refusal: UsherError) -> str:
    """Return a refusal's message and remedy in the reader's language."""
    if isinstance(refusal, TooSoon):
        minutes = -(-refusal.retry_after // 60)
        wait = counted("Try again in %(num)d minute.", "Try again in %(num)d minutes.", minutes)
        return sentence_for(refusal.code, refusal.detail, wait % {"num": minutes})
    if isinstance(refusal, Invalid):
        return " ".join(translated(sentence) for _, sentence in refusal.errors)
    if isinstance(refusal, Refused):
        return " ".join(sentence_for(reason.code, reason.message, reason.remedy) for reason in refusal.reasons)
    return sentence_for(refusal.code, refusal.detail, refusal.remedy)
