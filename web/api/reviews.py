"""Reviews of held invitations."""

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
    """Approve a held invitation, and send its email.

    An invitation held by the checks can be approved by the operator, and by the account's owner if the installation
    allows it. One that is held because its inviter may no longer invite can be approved by any member who may invite
    with its role; they become its inviter.
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
    example={"reason": "No one at the company knows this person."},
)
def refuse_invitation(account_id: str, invitation_id: str, body: DecisionBody) -> dict[str, Any]:
    """Reject a held invitation.

    No email is sent. Requires the same rights as approving it.
    """
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
