"""Actions of the signed-in user: list failed sign-ins, accept or decline an invitation."""

from shared.accounts import failed_sign_ins
from shared.invitations import accept, invitee
from shared.invitations.accept import Joined
from shared.models import FailedSignIn
from web.auth import identity
from web.auth.guards import actor
from web.context import app_context
from web.database import pipelined_transaction, transaction
from web.schemas.invitations import RefusalBody


def failed(*, before: str | None, limit: int) -> list[FailedSignIn]:
    """List the failed sign-ins with the signed-in user's address; none until the address is verified."""
    me = identity.user()
    if me.email_verified_at is None:
        return []
    with transaction() as session:
        return failed_sign_ins.latest(session, email_key=me.email_key, before=before, limit=limit)


def accept_own(invitation_id: str) -> Joined:
    """Accept an invitation as the signed-in user."""
    with pipelined_transaction() as connection:
        joined = accept.accept_own(
            connection, actor=actor(), policy=app_context().policy, user=identity.user(), invitation_id=invitation_id
        )
    return joined()


def decline_own(invitation_id: str, body: RefusalBody) -> None:
    """Decline an invitation as the signed-in user."""
    with transaction() as session:
        invitee.decline_own(
            session,
            actor=actor(),
            user=identity.user(),
            invitation_id=invitation_id,
            reason=body.reason,
            report_abuse=body.report_abuse,
        )
