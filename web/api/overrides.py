"""Exceptions from the domain and network lists: an account's own, and the operator's for all accounts."""

from typing import Any

from shared.permissions import Permission
from shared.screening import overrides
from web.auth.guards import actor, operator, operator_or
from web.database import transaction
from web.http.endpoint import endpoint, v1
from web.http.paging import decode, page
from web.schemas.base import PageQuery
from web.schemas.overrides import ExceptionBody, ExceptionOut, ExceptionsOut

_EXAMPLE = {"effect": "block", "subject": "domain", "value": "rival.example", "reason": "They compete with us."}


@v1.get("/accounts/<account_id>/exceptions")
@operator_or(Permission.TEAM_VIEW)
@endpoint("Exceptions", query=PageQuery, response=ExceptionsOut)
def list_exceptions(account_id: str, query: PageQuery) -> dict[str, Any]:
    """List an account's exceptions in force, oldest first."""
    return _overrides_page(account_id, query)


@v1.post("/accounts/<account_id>/exceptions")
@operator_or(Permission.TEAM_EDIT)
@endpoint("Exceptions", body=ExceptionBody, response=ExceptionOut, status=201, example=_EXAMPLE)
def add_exception(account_id: str, body: ExceptionBody) -> Any:
    """Add an exception to an account.

    Only the operator can loosen the rules with `allow`.
    """
    return _added(account_id, body)


@v1.delete("/accounts/<account_id>/exceptions/<exception_id>")
@operator_or(Permission.TEAM_EDIT)
@endpoint("Exceptions", status=204)
def remove_exception(account_id: str, exception_id: str) -> None:
    """Remove an exception from an account, with immediate effect.

    Only the operator can remove an exception of the operator's.
    """
    with transaction() as session:
        overrides.remove(session, actor=actor(), account_id=account_id, exception_id=exception_id)


@v1.get("/exceptions")
@operator
@endpoint("Exceptions", query=PageQuery, response=ExceptionsOut)
def list_exceptions_for_all(query: PageQuery) -> dict[str, Any]:
    """List the exceptions in force for all accounts, oldest first."""
    return _overrides_page(None, query)


@v1.post("/exceptions")
@operator
@endpoint(
    "Exceptions",
    body=ExceptionBody,
    response=ExceptionOut,
    status=201,
    example={"effect": "allow", "subject": "domain", "value": "fastmail.com", "reason": "The company itself."},
)
def add_exception_for_all(body: ExceptionBody) -> Any:
    """Add an exception for all accounts."""
    return _added(None, body)


@v1.delete("/exceptions/<exception_id>")
@operator
@endpoint("Exceptions", status=204, problems=(404,))
def remove_exception_for_all(exception_id: str) -> None:
    """Remove an exception for all accounts."""
    with transaction() as session:
        overrides.remove(session, actor=actor(), account_id=None, exception_id=exception_id)


def _overrides_page(account_id: str | None, query: PageQuery) -> dict[str, Any]:
    with transaction() as session:
        rows = overrides.list_overrides(
            session, account_id=account_id, after=decode(query.cursor) or "", limit=query.limit + 1
        )
    return page(rows, limit=query.limit, key=lambda row: row.id)


def _added(account_id: str | None, body: ExceptionBody) -> Any:
    with transaction() as session:
        row = overrides.add(session, actor=actor(), account_id=account_id, **dict(body))
        session.refresh(row)
    return row
