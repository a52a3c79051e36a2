"""Authorization checks for other services, before they let a user do something."""

from flask import Response

from shared.accounts import authorization
from shared.accounts.api_keys import FoundKey
from shared.accounts.authorization import Decision
from shared.errors import NotFound
from shared.permissions import Permission
from web.auth import identity
from web.auth.guards import api_key
from web.database import autocommit_connection
from web.http.body_limits import LARGE
from web.http.endpoint import endpoint, v1
from web.schemas.authorization import CheckBody, CheckOut, DecisionOut


def _as_json(decision: Decision) -> bytes:
    return DecisionOut.model_validate(decision).model_dump_json().encode()


# There are few answers, so all are written beforehand.
_WRITTEN = {question: _as_json(decision) for question, decision in authorization.DECISIONS.items()}


@v1.post("/check")
@api_key
@endpoint(
    "Check",
    body=CheckBody,
    response=CheckOut,
    max_body=LARGE,
    example={"account_id": "acc_01k9", "user_id": "usr_01k9", "permission": "billing:view"},
)
def check(body: CheckBody) -> Response:
    """Check if a user has a permission in an account, with the reason; up to 1,000 checks at once.

    An API key can check only its own account. An unknown user and a non-member get the same answer: not allowed, no
    role.
    """
    accounts = [question.account_id for question in body.questions]
    users = [question.user_id for question in body.questions]
    roles = _roles(accounts, users)
    answers = [_decision(role, question.permission) for role, question in zip(roles, body.questions, strict=True)]
    text = answers[0] if body.checks is None else b'{"results":[' + b",".join(answers) + b"]}"
    return Response(text, content_type="application/json")


def _decision(role: str | None, permission: Permission) -> bytes:
    return _WRITTEN.get((role, permission)) or _as_json(authorization.decide(role, permission))


def _roles(accounts: list[str], users: list[str]) -> list[str | None]:
    secret = identity.presented_api_key()
    if secret is None:
        return authorization.roles_of(autocommit_connection(), accounts=accounts, users=users)
    key, roles = authorization.key_and_roles(autocommit_connection(), secret=secret, accounts=accounts, users=users)
    _refuse_foreign(identity.authenticate_key(key), accounts)
    return roles


def _refuse_foreign(key: FoundKey, accounts: list[str]) -> None:
    if any(account != key.account_id for account in accounts):
        raise NotFound("There is no such account, or the key is not of it.", remedy="Use a key of that account.")
