"""Batches of invitations: rows in, a result for each row out."""

from datetime import timedelta
from typing import Any

from pydantic import Field

from shared.errors import Invalid, LimitReached, Refused
from shared.invitations.create import MAX_PER_REQUEST, CreatedInvitation, InvitationRequest
from web.schemas.base import Body, FieldError, Out, ReasonOut
from web.schemas.invitations import InvitationOut, InviteBody, invitation_out
from web.schemas.validation import parse_or_refuse


class BatchBody(Body):
    """Up to 1,000 rows, each like the body of one invitation."""

    invitations: list[Any] = Field(
        min_length=1,
        max_length=MAX_PER_REQUEST,
        description="Each row has the fields of a single invitation.",
        json_schema_extra={"items": {"type": "object"}},
    )


class ResultOut(Out):
    """The result of one row. `status` is what a single request would return: 202, 422 or 429."""

    index: int
    status: int
    invitation: InvitationOut | None = None
    code: str | None = None
    reasons: list[ReasonOut] | None = None
    errors: list[FieldError] | None = None


class BatchOut(Out):
    """The results, in the order of the rows."""

    results: list[ResultOut]


def parsed_row(row: Any) -> InviteBody | Invalid:
    """Parse a row as the body of an invitation. Returns the error for an invalid row."""
    try:
        return parse_or_refuse(lambda: InviteBody.model_validate(row))
    except Invalid as error:
        return error


def request_of(body: InviteBody) -> InvitationRequest:
    """Convert a body to an invitation request."""
    hours = body.expires_in_hours
    return InvitationRequest(
        body.email, body.role, body.message or None, timedelta(hours=hours) if hours else None, body.locale
    )


def result_out(index: int, result: CreatedInvitation | Refused | Invalid) -> dict[str, Any]:
    """Present the result of a row, with every field of `ResultOut`."""
    out: dict[str, Any] = {"index": index, "status": 422, "invitation": None, "code": None}
    out |= {"reasons": None, "errors": None}
    if isinstance(result, LimitReached):
        out["status"] = 429
    if isinstance(result, Refused):
        return out | {"code": result.code, "reasons": result.reasons}
    if isinstance(result, Invalid):
        errors = [{"field": field, "message": message} for field, message in result.errors]
        return out | {"code": result.code, "errors": errors}
    return out | {"status": 202, "invitation": invitation_out(result)}
