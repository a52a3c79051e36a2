"""Sponsors. The inviter is responsible for an invitation.

If they lose the right to invite, it waits for someone else.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from sqlalchemy import ColumnElement, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session, aliased

from shared.actor import Actor, ActorKind
from shared.audit import log as audit_log
from shared.audit.events import Action
from shared.checks.evaluate import Facts
from shared.checks.verdict import Check, Verdict
from shared.clock import rfc3339
from shared.db.predicates import in_literals
from shared.errors import Reason, Who
from shared.models import OPEN, Account, Invitation, Membership, Status, User
from shared.permissions import Permission, Role, allows
from shared.screening import facts

CHECK = "inviter"

_INVITING = [role for role in Role if allows(role, Permission.TEAM_EDIT)]


@dataclass(frozen=True, slots=True)
class Sponsorship:
    """An invitation with its inviter and its sponsor: the account's owner if the inviter may no longer invite."""

    invitation: Invitation
    account: Account
    inviter: User
    sponsor: User

    @property
    def is_inviter(self) -> bool:
        """True if the inviter is still the sponsor."""
        return self.sponsor.id == self.inviter.id


def sponsors_of(session: Session, ids: Collection[str]) -> dict[str, Sponsorship]:
    """Current sponsors of these invitations, by invitation id."""
    if not ids:
        return {}
    inviter, sponsor = aliased(User), aliased(User)
    invited, may = Membership.user_id == Invitation.invited_by, in_literals(Membership.role, *_INVITING)
    query = (
        select(Invitation, Account, inviter, sponsor)
        .ext(distinct_on(Invitation.id))
        .join(Account, Account.id == Invitation.account_id)
        .join(inviter, inviter.id == Invitation.invited_by)
        .join(Membership, Membership.account_id == Account.id)
        .join(sponsor, sponsor.id == Membership.user_id)
        .where(Invitation.id.in_(ids), (invited & may) | in_literals(Membership.role, Role.OWNER))
        .order_by(Invitation.id, invited.desc())
    )
    return {row[0].id: Sponsorship(*row) for row in session.execute(query)}


def hold_orphaned(session: Session, *, actor: Actor, account_id: str, which: ColumnElement[bool]) -> list[Invitation]:
    """Put open invitations that match `which` on hold if their inviter may no longer give their role. Returns them."""
    open_ones = select(Invitation.id).where(
        Invitation.account_id == account_id, in_literals(Invitation.status, *OPEN), which
    )
    held = []
    for invitation, about in facts.facts_of_invitations(session, session.scalars(open_ones).all()):
        if about.role not in about.assignable and invitation.status in OPEN:
            _hold(session, actor, invitation, about)
            held.append(invitation)
    return held


def take_over(session: Session, *, actor: Actor, invitation: Invitation) -> None:
    """Make the actor the inviter of a locked invitation, in place of one who may no longer give its role."""
    before = invitation.invited_by
    invitation.invited_by = actor.user_id or before
    invitation.invited_via = actor.id if actor.kind is ActorKind.API_KEY else None
    invitation.checks = _without(invitation.checks)
    _note(session, actor, Action.INVITATION_TAKEN_OVER, invitation, before=before, after=invitation.invited_by)


def take_over_orphaned(session: Session, *, actor: Actor, invitation: Invitation) -> None:
    """Make the actor the inviter of a locked invitation if its inviter may no longer give its role."""
    ((_, about),) = facts.facts_of_invitations(session, [invitation.id])
    if about.role not in about.assignable:
        take_over(session, actor=actor, invitation=invitation)


def inviter_gone() -> Reason:
    """Reason: the inviter lost the right to invite before acceptance."""
    return Reason(
        "inviter_gone",
        "Whoever invited may no longer give this role, or has left the account.",
        "Release the invitation to answer for it yourself, or revoke it.",
        Who.ACCOUNT_OWNER,
    )


def _hold(session: Session, actor: Actor, invitation: Invitation, about: Facts) -> None:
    before, invitation.status = invitation.status, Status.HELD
    check = Check(CHECK, Verdict.HOLD, (inviter_gone(),), {"source": "memberships", "age": 0})
    invitation.checks = [*_without(invitation.checks), check.as_json(rfc3339(about.at))]
    _note(session, actor, Action.INVITATION_HELD, invitation, before=before, reasons=[inviter_gone().as_json()])


def _note(session: Session, actor: Actor, action: Action, invitation: Invitation, **data: object) -> None:
    audit_log.record(session, actor, action, subject_id=invitation.id, account_id=invitation.account_id, **data)


def _without(checks: Iterable[dict[str, object]]) -> list[dict[str, object]]:
    return [check for check in checks if check["check"] != CHECK]
