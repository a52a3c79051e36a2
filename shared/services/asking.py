"""The holder of a dead link asks for a new one: whoever answers for the invitation is told so, by one mail.

Nothing is sent again by itself. Scanners follow links and press buttons, and would keep an invitation alive for ever;
whether somebody should still come is for a person to say.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from shared.actor import Actor
from shared.clock import rfc3339
from shared.errors import TooSoon, Who
from shared.models import Invitation, JobKind, Status
from shared.services import invitations, inviters, jobs, links, throttles
from shared.services.inviters import Answering

AGAIN_AFTER = timedelta(hours=6)
"""Whoever was asked about an invitation is left alone about it for so long."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Who can be asked for a new link, as far as its holder may know; `again_at` is set once they were asked.

    Only whoever invited is named: the holder of the link knows them from the mail.
    """

    account: str
    who: Who
    inviter: str | None
    again_at: datetime | None


def look(session: Session, *, token: str) -> Wanted | None:
    """Who can be asked about this link; None where it was accepted. Changes nothing."""
    invitation = links.find_ever(session, token)
    return None if invitation.status == Status.ACCEPTED else _wanted(session, _answering(session, invitation))


def ask(session: Session, *, actor: Actor, token: str) -> Wanted:
    """Promise the mail that asks for a new link.

    Raises `LinkInvalid` for a link that was never sent, `LinkDead` for one that was accepted, and `TooSoon` where the
    same was asked a while ago.
    """
    invitation = links.find_ever(session, token)
    if invitation.status == Status.ACCEPTED:
        raise links.closed(invitation)
    answering = _answering(session, invitation)
    if not throttles.first(session, _key(invitation), window=AGAIN_AFTER):
        raise _asked_before(session, _wanted(session, answering))
    jobs.promise(
        session,
        JobKind.NEW_LINK_MAIL,
        subject_id=invitation.id,
        account_id=invitation.account_id,
        generation=invitation.generation,
        lane=answering.person.address.domain,
    )
    invitations.note(session, actor, "invitation.new_requested", invitation, asked=answering.person.id)
    return _wanted(session, answering)


def _answering(session: Session, invitation: Invitation) -> Answering:
    return inviters.answering(session, [invitation.id])[invitation.id]


def _wanted(session: Session, answering: Answering) -> Wanted:
    return Wanted(
        account=answering.account.name,
        who=Who.INVITER if answering.is_inviter else Who.ACCOUNT_OWNER,
        inviter=answering.inviter.name if answering.is_inviter else None,
        again_at=throttles.ends_at(session, _key(answering.invitation)),
    )


def _asked_before(session: Session, wanted: Wanted) -> TooSoon:
    now = session.scalars(select(func.now())).one()
    again_at = wanted.again_at or now
    return TooSoon(
        "rate_limited",
        f"{wanted.inviter or f'The owner of {wanted.account}'} was asked for a new link already. "
        "That request stands, and nothing more was sent.",
        retry_after=max(1, ceil((again_at - now).total_seconds())),
        remedy=f"Ask them yourself if it is urgent, or ask here again from {rfc3339(again_at)} on.",
    )


def _key(invitation: Invitation) -> str:
    return f"new_link:{invitation.id}"
