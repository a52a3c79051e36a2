"""API keys, whose secret is shown only once."""

from datetime import datetime
from typing import Any

from pydantic import Field

from shared.models import ApiKey
from shared.permissions import Role
from web.schemas.base import Body, Label, Moment, Out


class ApiKeyBody(Body):
    """An API key to create. Its role can't exceed the creator's own."""

    name: Label
    role: Role
    expires_at: Moment | None = Field(
        default=None, description="When the key expires. It never does if this is left out."
    )


class ApiKeyOut(Out):
    """An API key. It can do what both its role and its creator's role allow."""

    id: str
    name: str
    hint: str = Field(description="How the key begins.")
    role: Role | str
    created_by: str
    created_at: datetime
    last_used_at: datetime | None = Field(description="Accurate to the minute.")
    expires_at: datetime | None
    revoked_at: datetime | None


class ApiKeysOut(Out):
    """A page of API keys, newest first."""

    data: list[ApiKeyOut]
    next_cursor: str | None


class NewApiKeyOut(ApiKeyOut):
    """A new API key. `key` is shown only once."""

    key: str


def api_key_out(key: ApiKey) -> dict[str, Any]:
    """Present an API key to its account."""
    return {field: getattr(key, field) for field in ApiKeyOut.model_fields}
