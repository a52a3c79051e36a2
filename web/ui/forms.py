"""A form that was refused is shown again: what is wrong stands beside its field, and only passwords are lost."""

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
"""What a form is shown again for; anything else has a page of its own."""


_SECRET = frozenset({"password", "new_password", "current", "new"})


@dataclass(frozen=True, slots=True)
class Form:
    """A form as it is shown: what was typed, what is wrong with which field, and what stopped it as a whole."""

    values: Mapping[str, str]
    wrong: Mapping[str, str]
    stopped: str


BLANK = Form({}, {}, "")


def body_of(body: type[Parsed], **given: str) -> Parsed:
    """The posted fields as this body, with what is `given` besides; raises `Invalid` naming each bad field."""
    fields = {name: text for name, text in request.form.items() if name in body.model_fields}
    return parse_or_refuse(lambda: body.model_validate(fields | given))


def query_of(query: type[Parsed]) -> Parsed:
    """The address's query as this one, without what was left empty; raises `Invalid` naming each bad part."""
    parts = {name: text for name, text in request.args.items() if text}
    return parse_or_refuse(lambda: query.model_validate(parts))


def show_again(template: str, refusal: UsherError, **shown: Any) -> Response:
    """The same page once more, with the status and the words of the refusal."""
    return refused(render_template(template, form=refused_form(refusal), **shown), refusal)


def refused_form(refusal: UsherError) -> Form:
    """What was typed into the form that was refused, and what is wrong with it."""
    wrong = dict(refusal.errors) if isinstance(refusal, Invalid) else {}
    return Form(typed().values, wrong, "" if wrong else sentences(refusal))


def typed() -> Form:
    """What was typed into the form that was sent."""
    return Form({name: text for name, text in request.form.items() if name not in _SECRET}, {}, "")


def refused(page: str, refusal: UsherError) -> Response:
    """The page that shows a refused form, with the status that the refusal has."""
    return Response(page, STATUS[type(refusal)], headers_of(refusal))


def sentences(refusal: UsherError) -> str:
    """What stopped something, and what to do about it."""
    if isinstance(refusal, TooSoon):
        minutes = -(-refusal.retry_after // 60)
        wait = counted("Try again in %(num)d minute.", "Try again in %(num)d minutes.", minutes)
        return sentence_for(refusal.code, refusal.detail, wait % {"num": minutes})
    if isinstance(refusal, Invalid):
        return " ".join(translated(sentence) for _, sentence in refusal.errors)
    if isinstance(refusal, Refused):
        return " ".join(sentence_for(reason.code, reason.message, reason.remedy) for reason in refusal.reasons)
    return sentence_for(refusal.code, refusal.detail, refusal.remedy)
