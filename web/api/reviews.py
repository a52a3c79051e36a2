"""What people decide about held invitations."""

from typing import Any

from shared.invitations import review
from shared.permissions import Permission
from web.auth.guards import actor, operator_or
from web.context import app_context
from web.database import transaction
from web.http.endpoint import endpoint, v1
from web.schemas.invitations import InvitationOut, invitation_out
from web.schemas.reviews import DecisionBody


@v1.post("/accounts/<account_id>/invitations/<invitation_id>/release")
@operator_or(Permission.TEAM_EDIT)
@endpoint(
    "Invitations",
    body=DecisionBody,
    response=InvitationOut,
    problems=(409,),
    example={"reason": "I have called her: she works from a hotel."},
)
def release_invitation(account_id: str, invitation_id: str, body: DecisionBody) -> dict[str, Any]:
    """Let a held invitation through; it is mailed then.

    What the checks hold the operator releases, and the account's owner where the installation says so. What is held
    because its inviter may no longer invite, anybody releases who may; they answer for it from then on.
    """
    with transaction() as session:
        return invitation_out(
            review.release(
                session,
                actor=actor(),
                policy=app_context().policy,
                account_id=account_id,
                invitation_id=invitation_id,
                reason=body.reason,
            )
        )


@v1.post("/accounts/<account_id>/invitations/<invitation_id>/refuse")
@operator_or(Permission.TEAM_EDIT)
@endpoint(
    "Invitations",
    body=DecisionBody,
    response=InvitationOut,
    problems=(409,),
    example={"reason": "Nobody there knows this person."},
)
def refuse_invitation(account_id: str, invitation_id: str, body: DecisionBody) -> dict[str, Any]:
    """End a held invitation; nothing is mailed. For whoever may release it."""
    with transaction() as session:
        return invitation_out(
            review.refuse(
                session,
                actor=actor(),
                policy=app_context().policy,
                account_id=account_id,
                invitation_id=invitation_id,
                reason=body.reason,
            )
        )
