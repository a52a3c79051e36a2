"""API keys, with which programs act in an account."""

from typing import Any

from shared.accounts import api_keys
from shared.permissions import Permission
from shared.team import changes
from web.auth.guards import actor, person_with, requires
from web.database import transaction
from web.http.endpoint import endpoint, v1
from web.http.paging import decode, page
from web.schemas.api_keys import ApiKeyBody, ApiKeysOut, NewApiKeyOut, api_key_out
from web.schemas.base import PageQuery


@v1.post("/accounts/<account_id>/api-keys")
@person_with(Permission.CREDENTIALS_EDIT)
@endpoint(
    "API keys",
    body=ApiKeyBody,
    response=NewApiKeyOut,
    status=201,
    example={"name": "the deployment", "role": "developer"},
)
def create_api_key(account_id: str, body: ApiKeyBody) -> Any:
    """Create an API key, whose role can't exceed your own.

    `key` is shown only once. This call takes no `Idempotency-Key`, because repeating the response would require storing
    the key.
    """
    with transaction() as session:
        key, secret = api_keys.issue(
            session, actor=actor(), account_id=account_id, name=body.name, role=body.role, expires_at=body.expires_at
        )
    return api_key_out(key) | {"key": secret}, {"Location": f"/v1/accounts/{account_id}/api-keys/{key.id}"}


@v1.get("/accounts/<account_id>/api-keys")
@requires(Permission.CREDENTIALS_VIEW)
@endpoint("API keys", query=PageQuery, response=ApiKeysOut)
def list_api_keys(account_id: str, query: PageQuery) -> dict[str, Any]:
    """List an account's API keys, newest first, including revoked ones."""
    with transaction() as session:
        rows = api_keys.list_keys(session, account_id=account_id, before=decode(query.cursor), limit=query.limit + 1)
    return page([api_key_out(row) for row in rows], limit=query.limit, key=lambda shown: str(shown["id"]))


@v1.delete("/accounts/<account_id>/api-keys/<key_id>")
@person_with(Permission.CREDENTIALS_EDIT)
@endpoint("API keys", status=204)
def revoke_api_key(account_id: str, key_id: str) -> None:
    """Revoke an API key.

    It stops working at once, and its pending invitations are put on hold. Returns 403 for a key whose role exceeds your
    own, unless you created it.
    """
    with transaction() as session:
        changes.revoke_api_key(session, actor=actor(), account_id=account_id, key_id=key_id)
