"""Dry runs: the checks of invitations without sending them."""

from typing import Any

from flask import Response

from shared.invitations import dry_run
from shared.permissions import Permission
from web.auth.guards import actor, requires
from web.context import app_context
from web.database import transaction
from web.http.body_limits import LARGE
from web.http.endpoint import endpoint, v1
from web.schemas.dry_run import TrialBody, TrialsOut


@v1.post("/accounts/<account_id>/invitations/check")
@requires(Permission.TEAM_EDIT)
@endpoint(
    "Invitations",
    body=TrialBody,
    response=TrialsOut,
    max_body=LARGE,
    example={"email": "bob@corp.example", "role": "developer"},
)
def try_invitations(account_id: str, body: TrialBody) -> Response:
    """Check one invitation, or up to 1,000, without sending or recording anything.

    No name servers are queried. Their answers of the last hour are used.
    """
    with transaction() as session:
        found = dry_run.dry_run(
            session, actor=actor(), policy=app_context().policy, account_id=account_id, recipients=body.rows
        )
    shown = [{"verdict": trial.verdict, "reasons": trial.reasons, "checks": trial.checks} for trial in found]
    many: dict[str, Any] = {"results": [{"index": index, **trial} for index, trial in enumerate(shown)]}
    answer = TrialsOut.model_validate(shown[0] if body.invitations is None else many)
    return Response(answer.model_dump_json(exclude_none=True), content_type="application/json")
