"""API keys: never shown again after they were made."""

from datetime import datetime
from typing import Any

from pydantic import Field

from shared.models import ApiKey
from shared.permissions import Role
from web.schemas.base import Body, Label, Moment, Out


class ApiKeyBody(Body):
    """A key to make. Its role may allow no more than the role of whoever makes it."""

    name: Label
    role: Role
    expires_at: Moment | None = Field(default=None, description="When it ends; never, where this is left out.")


class ApiKeyOut(Out):
    """A key, known by how it begins. It may do what its role and the role of its creator both allow."""

    id: str
    name: str
    hint: str = Field(description="How the key begins.")
    role: Role
    created_by: str
    created_at: datetime
    last_used_at: datetime | None = Field(description="To the minute.")
    expires_at: datetime | None
    revoked_at: datetime | None


class ApiKeysOut(Out):
    """Keys, a page at a time, the newest first."""

    data: list[ApiKeyOut]
    next_cursor: str | None


class NewApiKeyOut(ApiKeyOut):
    """A key that was just made; `key` is shown this once."""

    key: str


def api_key_out(key: ApiKey) -> dict[str, Any]:
    """A key's row as its account sees it."""
    return {field: getattr(key, field) for field in ApiKeyOut.model_fields}
