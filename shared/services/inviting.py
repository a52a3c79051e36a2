"""Inviting: one address or a thousand go the same way, with one statement each for facts, rows, jobs and events.

Of many, one that is refused stops no other: each has an outcome of its own, the invitation or what refused it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.actor import Actor, ActorKind
from shared.bulk import bytea, insert_rows
from shared.checks.evaluate import Facts, evaluate
from shared.checks.recipient import already_invited, email_invalid
from shared.checks.verdict import Check, Verdict, reasons_of
from shared.email_address import BadAddress, EmailAddress, parse
from shared.errors import Refused
from shared.ids import new_id
from shared.models import Account, Delivery, Invitation, JobKind, Status
from shared.permissions import Role
from shared.services import audit, facts, jobs, links, origins
from shared.services.rules import Rules

MOST = 1000
"""How many can be invited at once."""

Outcome = Invitation | Refused


@dataclass(frozen=True, slots=True)
class Wish:
    """Whom to invite, to which role, with which words, for how long (None: as the account or the installation says)."""

    email: str
    role: Role
    message: str | None = None
    lifetime: timedelta | None = None
    locale: str = "en"


def invite(session: Session, *, actor: Actor, rules: Rules, account_id: str, wish: Wish) -> Invitation:
    """Promise one invitation, unless an instant check says no: then `Refused` tells why. Nothing is sent from here."""
    (outcome,) = invite_all(session, actor=actor, rules=rules, account_id=account_id, wishes=[wish])
    if isinstance(outcome, Refused):
        raise outcome
    return outcome


def invite_all(
    session: Session, *, actor: Actor, rules: Rules, account_id: str, wishes: Sequence[Wish]
) -> list[Outcome]:
    """Promise an invitation for each wish that no instant check refuses; outcomes in the order of the wishes.

    The invitations are for reading: what is changed in them goes nowhere.
    """
    outcomes: dict[int, Outcome] = {}
    addresses: dict[int, EmailAddress] = {}
    for place, found in _addresses(wishes):
        if isinstance(found, Refused):
            outcomes[place] = found
        else:
            addresses[place] = found
    asked = [(address, wishes[place].role) for place, address in addresses.items()]
    ground = facts.ground(session, account_id)
    abouts = facts.about_all(session, actor=actor, rules=rules, account_id=account_id, asked=asked, ground=ground)
    usual = _lifetime(rules, ground.invitation_hours)
    rows: dict[int, dict[str, Any]] = {}
    for (place, address), about in zip(addresses.items(), abouts, strict=True):
        checks = passed(about, rules)
        if isinstance(checks, Refused):
            outcomes[place] = checks
        else:
            rows[place] = _row(actor, rules, account_id, address, wishes[place], about, checks, usual)
    made = _insert(session, actor, account_id, list(rows.values()))
    for place, row in rows.items():
        outcomes[place] = Invitation(**row) if row["id"] in made else Refused([already_invited(row["email"])])
    return [outcomes[place] for place in range(len(wishes))]


def lifetime(session: Session, *, rules: Rules, account_id: str) -> timedelta:
    """How long an invitation of this account lasts where nothing is said with it."""
    hours = session.scalar(select(Account.invitation_hours).where(Account.id == account_id))
    return _lifetime(rules, hours)


def _lifetime(rules: Rules, hours: int | None) -> timedelta:
    return timedelta(hours=hours) if hours else rules.settings.invitation_ttl


def passed(about: Facts, rules: Rules) -> list[Check] | Refused:
    """What the instant checks say of these facts, or the refusal that they come to."""
    judgement = evaluate(about, lists=rules.lists, settings=rules.settings)
    if judgement.verdict is Verdict.DENY:
        return Refused(reasons_of(judgement.checks, Verdict.DENY))
    return judgement.checks


def _addresses(wishes: Sequence[Wish]) -> Iterator[tuple[int, EmailAddress | Refused]]:
    """Each wish's address; what is none, or stands there a second time, is refused."""
    seen: set[str] = set()
    for place, wish in enumerate(wishes):
        try:
            address = parse(wish.email)
        except BadAddress as error:
            yield place, Refused([email_invalid(str(error))])
            continue
        yield place, Refused([already_invited(address.shown)]) if address.key in seen else address
        seen.add(address.key)


def _row(
    actor: Actor,
    rules: Rules,
    account_id: str,
    address: EmailAddress,
    wish: Wish,
    about: Facts,
    checks: list[Check],
    usual: timedelta,
) -> dict[str, Any]:
    invitation_id, span = new_id("inv"), wish.lifetime or usual
    return {
        "id": invitation_id,
        "account_id": account_id,
        "email": address.shown,
        "email_key": address.key,
        "role": wish.role,
        "status": Status.CHECKING,
        "delivery": Delivery.NONE,
        "message": wish.message,
        "locale": wish.locale,
        "invited_by": actor.user_id,
        "invited_via": actor.id if actor.kind is ActorKind.API_KEY else None,
        "generation": 1,
        "sent_count": 0,
        "link_hash": links.hash_of(rules, invitation_id, 1),
        "lifetime_seconds": int(span.total_seconds()),
        "origin": origins.as_json(about.origin),
        "checks": [check.as_json(about.at) for check in checks],
        "resendable_at": about.at + rules.settings.resend_cooldown,
        "created_at": about.at,
        "expires_at": about.at + span,
    }


def _insert(session: Session, actor: Actor, account_id: str, rows: Sequence[dict[str, Any]]) -> set[str]:
    """Write the rows with their jobs and events; what another request has invited meanwhile is left out."""
    # The unique index decides between two people who invite the same address at once.
    made = insert_rows(session, Invitation, [row | {"link_hash": bytea(row["link_hash"])} for row in rows])
    new = [row for row in rows if row["id"] in made]
    subjects = [row["id"] for row in new]
    jobs.promise_all(session, JobKind.INVITATION_CHECK, subjects=subjects, account_id=account_id, generation=1)
    told = [(row["id"], account_id, {"email": row["email"], "role": row["role"]}) for row in new]
    audit.record_all(session, actor, "invitation.created", told)
    return made
