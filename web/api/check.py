"""What other services ask before they let somebody do something."""

from flask import Response

from shared.errors import NotFound
from shared.services import access
from web import auth
from web.call import call, v1
from web.database import latest
from web.guard import program
from web.schemas.check import CheckBody, CheckOut, DecisionOut

# There are few answers, so all are written beforehand.
_WRITTEN = {
    question: DecisionOut.model_validate(decision).model_dump_json().encode()
    for question, decision in access.DECISIONS.items()
}


@v1.post("/check")
@program
@call(
    "Check",
    body=CheckBody,
    answers=CheckOut,
    example={"account_id": "acc_01k9", "user_id": "usr_01k9", "permission": "billing:view"},
)
def check(body: CheckBody) -> Response:
    """Say whether a user may do something in an account, and because of what; for up to 1,000 questions at once.

    A key may ask about its own account. An unknown user and a stranger are answered alike: not allowed, no role.
    """
    accounts = [question.account_id for question in body.questions]
    _refuse_foreign(accounts)
    users = [question.user_id for question in body.questions]
    roles = access.roles_of(latest(), accounts=accounts, users=users)
    answers = [_WRITTEN[role, question.permission] for role, question in zip(roles, body.questions, strict=True)]
    text = answers[0] if body.checks is None else b'{"results":[' + b",".join(answers) + b"]}"
    return Response(text, content_type="application/json")


def _refuse_foreign(accounts: list[str]) -> None:
    key = auth.caller().key
    if key is not None and any(account != key.account_id for account in accounts):
        raise NotFound("There is no such account, or the key is not of it.", remedy="Use a key of that account.")
