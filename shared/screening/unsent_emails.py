"""Gives back a recipient's count where an invitation ends before any email for it was begun.

An email counts from the moment it is enqueued, so that no one is sent too many. Without giving it back, inviting and
revoking would use up the recipient's limit for every other account, with no email sent.
"""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select, tuple_
from sqlalchemy.orm import Session

from shared.checks.limits import DAY, recipient_of
from shared.models import Invitation, InvitedRecipient, Job, JobKind


def give_back(session: Session, invitations: Collection[Invitation]) -> None:
    """Count the last email of each invitation no more if no worker has had its job.

    The caller holds locks on the invitations, and ends them in this transaction. As when resending, the locks on
    recipients come after those on invitations and before any change of them.
    """
    enqueued = _enqueued_and_not_begun(session, invitations)
    unsent = [(UUID(recipient_of(each.address)), enqueued[each.id]) for each in invitations if each.id in enqueued]
    if not unsent:
        return
    windows = (
        select(InvitedRecipient)
        .where(InvitedRecipient.recipient.in_({recipient for recipient, _ in unsent}))
        .where(InvitedRecipient.day_ends_at > func.now())
        .order_by(InvitedRecipient.recipient)
        .with_for_update()
    )
    for window in session.scalars(windows.execution_options(populate_existing=True)):
        starts_at = window.day_ends_at - DAY
        window.count -= sum(recipient == window.recipient and at >= starts_at for recipient, at in unsent)
    session.flush()


def _enqueued_and_not_begun(session: Session, invitations: Collection[Invitation]) -> dict[str, datetime]:
    """When the last email of each was counted, by the invitations' ids, without those that a worker has taken.

    A job that is locked is being taken. Locking the others keeps workers from them until the invitations have ended.
    """
    current = tuple_(Job.subject_id, Job.generation).in_([(each.id, each.generation) for each in invitations])
    emails = select(Job.id).where(current, Job.kind == JobKind.INVITATION_MAIL)
    free = set(session.scalars(emails.where(Job.worker.is_(None)).with_for_update(skip_locked=True)))
    begun = select(Job.subject_id).where(current, Job.kind == JobKind.INVITATION_MAIL, Job.id.not_in(free))
    # The check is enqueued by the transaction that counts the email, and so at the same moment.
    counted = select(Job.subject_id, func.min(Job.created_at)).where(current, Job.kind == JobKind.INVITATION_CHECK)
    found = session.execute(counted.where(Job.subject_id.not_in(begun)).group_by(Job.subject_id))
    return dict(found.all())
