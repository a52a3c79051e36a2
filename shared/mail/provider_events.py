"""Delivery events from the mail provider: delivered, bounced, complained and delayed.

Events arrive late, twice and in any order. So an invitation's delivery status only changes for the worse: a late
delivery event doesn't override a complaint. A bounce or a complaint about any email suppresses the address. Events
refer to an email by its Message-ID.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import select, tuple_, update
from sqlalchemy.orm import Session

from shared.actor import Actor
from shared.audit import log as audit_log
from shared.audit.events import Action
from shared.mail import results, suppressions
from shared.mail.results import LATER
from shared.models import Delivery, Invitation, Job

MAX_EVENTS = 1000
"""Maximum number of events per request."""


class ProviderEventType(StrEnum):
    """Event types of the mail provider. Delays are accepted but not stored."""

    DELIVERED = "delivered"
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    DELAYED = "delayed"


@dataclass(frozen=True, slots=True)
class MailEvent:
    """A provider event about the email with this Message-ID. `why` has the provider's own words."""

    message_id: str
    type: ProviderEventType
    why: str = ""


_SUPPRESSION_REASONS = {
    Delivery.BOUNCED: "A mail to this address came back: {why}.",
    Delivery.COMPLAINED: "Whoever reads this address complained of a mail: {why}.",
}


def record(session: Session, actor: Actor, events: Iterable[MailEvent]) -> int:
    """Record provider events. Returns the number of invitations whose delivery status changed."""
    events_by_delivery: dict[Delivery, dict[str, str]] = defaultdict(dict)
    for event in events:
        if event.type is not ProviderEventType.DELAYED:
            events_by_delivery[Delivery(event.type)][_local_part(event.message_id)] = event.why
    changed = 0
    for delivery in (each for each in LATER if each in events_by_delivery):
        changed += _update_invitations(session, actor, delivery, events_by_delivery[delivery])
        if delivery in _SUPPRESSION_REASONS:
            _suppress(session, delivery, events_by_delivery[delivery])
    return changed


def _update_invitations(session: Session, actor: Actor, delivery: Delivery, why: dict[str, str]) -> int:
    """Update invitations whose current email an event is about, unless they already show this status or a worse one."""
    message_ids = [message_id for message_id in map(_invitation_of, why) if message_id]
    final = LATER[LATER.index(delivery) :]
    moved = select(Invitation.id).where(
        tuple_(Invitation.id, Invitation.generation).in_(message_ids), Invitation.delivery.not_in(final)
    )
    rows = session.execute(
        update(Invitation)
        .where(Invitation.id.in_(moved.order_by(Invitation.id).with_for_update()))
        .values(delivery=delivery)
        .returning(Invitation.id, Invitation.account_id, Invitation.generation),
        execution_options={"synchronize_session": False},
    ).all()
    subjects = [
        (invitation_id, account_id, {"generation": generation, "why": why[f"{invitation_id}.{generation}"]})
        for invitation_id, account_id, generation in rows
    ]
    audit_log.record_all(session, actor, Action(f"invitation.{delivery}"), subjects)
    return len(rows)


def _suppress(session: Session, delivery: Delivery, why: dict[str, str]) -> None:
    for message_id, address in sorted(_addresses(session, why).items()):
        suppressions.suppress(
            session, address, why=_SUPPRESSION_REASONS[delivery].format(why=why[message_id] or "no reason was given")
        )


def _addresses(session: Session, message_ids: Collection[str]) -> dict[str, str]:
    """Canonical recipient addresses of these emails by Message-ID. Omits emails that are not ours."""
    invited = {found[0]: message_id for message_id in message_ids if (found := _invitation_of(message_id))}
    query = select(Invitation.id, Invitation.email_key).where(Invitation.id.in_(invited))
    addresses = {invited[invitation_id]: key for invitation_id, key in session.execute(query)}
    others = session.scalars(
        select(Job).where(Job.id.in_([message_id for message_id in message_ids if message_id not in addresses]))
    )
    addresses |= {job.id: results.address_key(session, job) for job in others}
    return {message_id: address for message_id, address in addresses.items() if address}


def _local_part(message_id: str) -> str:
    return message_id.strip("<> ").partition("@")[0]


def _invitation_of(message_id: str) -> tuple[str, int] | None:
    """The invitation id and generation in the Message-ID of an invitation email, or None."""
    invitation_id, _, generation = message_id.partition(".")
    if not (generation.isascii() and generation.isdigit() and len(generation) < 9):
        return None
    return invitation_id, int(generation)
