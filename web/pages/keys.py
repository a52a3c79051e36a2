"""The account's API keys: made, shown once, revoked."""

from datetime import UTC, datetime, time
from typing import Any

from flask import Response

from shared import clock
from shared.models import ApiKey
from shared.permissions import Permission, Role
from shared.services import api_keys
from web.database import transaction
from web.guard import actor, person_with, requires
from web.pages import form, new_key, place, visitor
from web.pages.once import once
from web.pages.site import site
from web.paging import decoded, page
from web.schemas.team import CursorQuery, KeyForm

PAGE = 50


@site.get("/accounts/<account_id>/api-keys")
@requires(Permission.CREDENTIALS_VIEW)
def show_keys(account_id: str) -> Response:
    """List the keys, the newest first; one that was just created with its secret, this once."""
    new = new_key.take(account_id)
    response = Response(place.page("pages/keys.html", account_id, **_shown(account_id) | {"new": new}))
    if new is not None:
        new_key.forget(response)
    return response


@site.post("/accounts/<account_id>/api-keys")
@person_with(Permission.CREDENTIALS_EDIT)
def make_key(account_id: str) -> Response:
    """Create a key, and redirect to where it is shown."""
    try:
        press = once(lambda: _make(account_id, form.filled(KeyForm)).id)
    except form.REFUSALS as refusal:
        return place.again("pages/keys.html", account_id, refusal, **_shown(account_id))
    response = visitor.send_on(f"/accounts/{account_id}/api-keys")
    new_key.keep(response, press)
    return response


@site.post("/accounts/<account_id>/api-keys/<key_id>/revoke")
@person_with(Permission.CREDENTIALS_EDIT)
def revoke_key(account_id: str, key_id: str) -> Response:
    """End a key at once."""
    with transaction() as session:
        api_keys.revoke(session, actor=actor(), account_id=account_id, key_id=key_id)
    return visitor.send_on(f"/accounts/{account_id}/api-keys")


def _make(account_id: str, body: KeyForm) -> ApiKey:
    with transaction() as session:
        key, _ = api_keys.issue(
            session,
            actor=actor(),
            account_id=account_id,
            name=body.name,
            role=body.role,
            expires_at=datetime.combine(body.last_day, time.max, UTC) if body.last_day else None,
            secret=new_key.secret(),
        )
    return key


def _shown(account_id: str) -> dict[str, Any]:
    query = form.asked(CursorQuery)
    with transaction() as session:
        rows = api_keys.listed(session, account_id=account_id, before=decoded(query.cursor), limit=PAGE + 1)
    covered = [role for role in Role if actor().covers(role)]
    return {
        "keys": page(rows, limit=PAGE, key=lambda row: row.id),
        "new": None,
        "covered": covered,
        "may_end": lambda key: api_keys.may_end(actor(), key),
        "now": clock.now(),
    }
