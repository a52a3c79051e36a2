"""Invitation links. Each generation has its own, and a link is found by the hash of its token."""

from datetime import datetime
from typing import Protocol

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from shared.db.autocommit import SessionOrConnection
from shared.db.prepared import PreparedQuery
from shared.errors import LinkDead, LinkInvalid, UsherError
from shared.models import Invitation, Status, SupersededLink
from shared.policy_context import PolicyContext
from shared.tokens import Purpose, derive, sha256

_SUPERSEDED = PreparedQuery(select(SupersededLink.invitation_id).where(SupersededLink.link_hash == bindparam("digest")))


class HasExpiry(Protocol):
    """The fields of an invitation that decide if its link works."""

    @property
    def status(self) -> str: ...
    @property
    def expires_at(self) -> datetime: ...


def hash_of(policy: PolicyContext, invitation_id: str, generation: int) -> bytes:
    """The hash to store for the link of this generation."""
    return sha256(derive(policy.settings.secret_keys[0], Purpose.INVITATION, invitation_id, generation))


def find_by_token(session: Session, token: str, *, lock: bool = False) -> Invitation:
    """The invitation with this as its newest link, in any status. `lock` locks its row.

    Raises `LinkDead` for a replaced link, or `LinkInvalid`.
    """
    digest = sha256(token)
    query = select(Invitation).where(Invitation.link_hash == digest)
    query = query.execution_options(populate_existing=True)
    found = session.scalars(query.with_for_update() if lock else query).one_or_none()
    if found is not None:
        return found
    raise unknown(session, digest)


def unknown(connection: SessionOrConnection, digest: bytes) -> UsherError:
    """The error for a token that is not the newest link of any invitation: `LinkDead` if replaced, or `LinkInvalid`."""
    if _SUPERSEDED.fetch(connection, digest=digest):
        return LinkDead(
            "link_superseded",
            "A newer mail has replaced this link. Nothing was changed.",
            remedy="Open the link of the newest mail from this account.",
        )
    return LinkInvalid(
        "This link is not known here; perhaps part of it was cut off.",
        remedy="Open the link as it stands in the mail, or ask whoever invited you to send it again.",
    )


def find_by_any_token(session: Session, token: str) -> Invitation:
    """The invitation of this link, even if a newer link has replaced it. Raises `LinkInvalid`."""
    replaced = session.get(SupersededLink, sha256(token))
    return find_by_token(session, token) if replaced is None else session.get_one(Invitation, replaced.invitation_id)


def refuse_dead(invitation: HasExpiry, *, at: datetime) -> None:
    """Raise `LinkDead` for an invitation that is not pending, or expired at the database time `at`."""
    if invitation.status == Status.EXPIRED or (invitation.status == Status.PENDING and at >= invitation.expires_at):
        raise LinkDead(
            "invitation_expired",
            "This invitation has expired. Nothing was changed.",
            remedy="Ask whoever invited you to send it again.",
        )
    if invitation.status != Status.PENDING:
        raise closed(invitation)


def closed(invitation: HasExpiry) -> LinkDead:
    """The error for an invitation that has ended or is not open yet."""
    detail, remedy = _CLOSED.get(Status.from_row(invitation.status), _NOT_OPEN)
    return LinkDead("invitation_closed", detail, remedy=remedy)


_ASK = "Ask whoever invited you for a new invitation."
_NOT_OPEN = ("This invitation is being looked at, and not open until that is done.", "Try again in a while.")
_CLOSED = {
    Status.ACCEPTED: ("This invitation was accepted before.", "Sign in to go to the account."),
    Status.DECLINED: ("This invitation was declined. Nothing was changed.", _ASK),
    Status.REVOKED: ("This invitation was withdrawn. Nothing was changed.", _ASK),
    Status.BLOCKED: ("This invitation was stopped. Nothing was changed.", _ASK),
}
