"""Password changes and resets. No response reveals if an address is known."""

from typing import Any

from shared.models import ApiKey
from web.actions.passwords import change_password, email_reset, set_password
from web.auth.guards import public, signed_in
from web.http.endpoint import endpoint, v1
from web.schemas.users import AddressBody, ChangePasswordBody, NewPasswordBody, ResetOut


@v1.put("/me/password")
@signed_in
@endpoint(
    "People",
    body=ChangePasswordBody,
    status=204,
    problems=(429,),
    example={"current": "correct horse battery", "new": "a purple elephant dances"},
)
def change_my_password(body: ChangePasswordBody) -> None:
    """Change the current user's password.

    All other sessions end. API keys remain valid.
    """
    change_password(body)


@v1.post("/password-resets")
@public
@endpoint("People", body=AddressBody, status=202, problems=(429,), example={"email": "carol@corp.example"})
def request_password_reset(body: AddressBody) -> None:
    """Email a link to set a new password, if a user has this address."""
    email_reset(body.email)


@v1.post("/password-resets/confirm")
@public
@endpoint(
    "People",
    body=NewPasswordBody,
    response=ResetOut,
    problems=(404, 410),
    example={"token": "x" * 43, "password": "correct horse battery"},
)
def reset_password(body: NewPasswordBody) -> dict[str, Any]:
    """Set a new password with the token of an emailed link.

    All sessions of the user end. The response lists the user's API keys that remain valid; `revoke_api_keys` revokes
    them all.
    """
    user, keys = set_password(body)
    return {"email": user.email, "api_keys": [_key_out(key, name) for key, name in keys]}


def _key_out(key: ApiKey, account_name: str) -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "account": {"id": key.account_id, "name": account_name},
        "role": key.role,
        "created_at": key.created_at,
        "last_used_at": key.last_used_at,
    }
