"""Requests for a new link, from the holder of a dead one. An email forwards them to the invitation's sponsor.

Nothing is resent automatically. Scanners follow links and press buttons, and would keep an invitation alive forever. A
person decides if the invitee should still join.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from shared.actor import Actor
from shared.audit.events import Action
from shared.clock import rfc3339
from shared.errors import TooSoon, Who
from shared.invitations import links, manage, sponsors
from shared.invitations.sponsors import Sponsorship
from shared.jobs import queue
from shared.limits import rate_limits
from shared.models import Invitation, JobKind, Status

COOLDOWN = timedelta(hours=6)
"""Minimum interval between two requests about one invitation."""


@dataclass(frozen=True, slots=True)
class LinkRequest:
    """The person to ask for a new link, as far as its holder may know. `again_at` is set after a request.

    Only the inviter is named, because the holder knows them from the email.
    """

    account: str
    who: Who
    inviter: str | None
    again_at: datetime | None


def preview(session: Session, *, token: str) -> LinkRequest | None:
    """The person to ask about this link, without any changes. None after acceptance. Raises `LinkInvalid`."""
    invitation = links.find_by_any_token(session, token)
    return None if invitation.status == Status.ACCEPTED else _link_request(session, _sponsorship(session, invitation))


def request_link(session: Session, *, actor: Actor, token: str) -> LinkRequest:
    """Enqueue the email that asks for a new link.

    Raises `LinkInvalid` for an unknown link, `LinkDead` for an accepted one, and `TooSoon` within `COOLDOWN` of an
    earlier request.
    """
    invitation = links.find_by_any_token(session, token)
    if invitation.status == Status.ACCEPTED:
        raise links.closed(invitation)
    sponsorship = _sponsorship(session, invitation)
    if not rate_limits.is_first(session, _key(invitation), window=COOLDOWN):
        raise _too_soon(session, _link_request(session, sponsorship))
    queue.enqueue(
        session,
        JobKind.NEW_LINK_MAIL,
        subject_id=invitation.id,
        account_id=invitation.account_id,
        generation=invitation.generation,
        lane=sponsorship.sponsor.address.domain,
    )
    manage.record_event(session, actor, Action.INVITATION_NEW_REQUESTED, invitation, asked=sponsorship.sponsor.id)
    return _link_request(session, sponsorship)


def _sponsorship(session: Session, invitation: Invitation) -> Sponsorship:
    return sponsors.sponsors_of(session, [invitation.id])[invitation.id]


def _link_request(session: Session, sponsorship: Sponsorship) -> LinkRequest:
    return LinkRequest(
        account=sponsorship.account.name,
        who=Who.INVITER if sponsorship.is_inviter else Who.ACCOUNT_OWNER,
        inviter=sponsorship.inviter.name if sponsorship.is_inviter else None,
        again_at=rate_limits.ends_at(session, _key(sponsorship.invitation)),
    )


def _too_soon(session: Session, link_request: LinkRequest) -> TooSoon:
    now = session.scalars(select(func.now())).one()
    again_at = link_request.again_at or now
    return TooSoon(
        "rate_limited",
        f"{link_request.inviter or f'The owner of {link_request.account}'} was asked for a new link already. "
        "That request stands, and nothing more was sent.",
        retry_after=max(1, ceil((again_at - now).total_seconds())),
        remedy=f"Ask them yourself if it is urgent, or ask here again from {rfc3339(again_at)} on.",
    )


def _key(invitation: Invitation) -> str:
    return f"new_link:{invitation.id}"
