"""The keys with which programs act in an account."""

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
    """Make an API key with a role that allows no more than one's own; `key` is shown this once.

    It takes no `Idempotency-Key`, because an answer that is given again would have to be kept, and the key with it.
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
    """List the API keys of an account, the newest first; those that were revoked are among them."""
    with transaction() as session:
        rows = api_keys.list_keys(session, account_id=account_id, before=decode(query.cursor), limit=query.limit + 1)
    return page([api_key_out(row) for row in rows], limit=query.limit, key=lambda shown: str(shown["id"]))


@v1.delete("/accounts/<account_id>/api-keys/<key_id>")
@person_with(Permission.CREDENTIALS_EDIT)
@endpoint("API keys", status=204)
def revoke_api_key(account_id: str, key_id: str) -> None:
    """Revoke an API key: it opens nothing from now on, and what it invited is held.

    403 for a key with a role above your own, unless you created it.
    """
    with transaction() as session:
        changes.revoke_api_key(session, actor=actor(), account_id=account_id, key_id=key_id)
