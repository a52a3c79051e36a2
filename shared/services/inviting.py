"""Inviting: one address or a thousand go the same way, with one statement each for facts, rows, jobs and events.

Of many, one that is refused stops no other: each has an outcome of its own, the invitation or what refused it.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from copy import deepcopy
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from psycopg.errors import InvalidTextRepresentation
from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.actor import Actor, ActorKind
from shared.bulk import Rows, bytea, insert_behind, insert_rows
from shared.checks.evaluate import Facts, Judgement, evaluate, evaluate_all
from shared.checks.limits import admit, quotas
from shared.checks.networks import Origin
from shared.checks.recipient import already_invited, email_invalid
from shared.checks.verdict import Verdict, reasons_of
from shared.db import Asked, Bare, Base
from shared.email_address import BadAddress, EmailAddress, parse
from shared.errors import Quota, Refused
from shared.ids import new_ids
from shared.models import Account, AuditEvent, Delivery, Invitation, Job, JobKind, Status
from shared.permissions import Role
from shared.services import audit, facts, jobs, links, origins, usage
from shared.services.facts import Ground
from shared.services.rules import Rules
from shared.services.usage import Bounds

MOST = 1000
"""How many can be invited at once."""

_CHECK = JobKind.INVITATION_CHECK


@dataclass(frozen=True, slots=True)
class Wish:
    """Whom to invite, to which role, with which words, for how long (None: as the account or the installation says)."""

    email: str
    role: Role
    message: str | None = None
    lifetime: timedelta | None = None
    locale: str = "en"


@dataclass(slots=True)
class Made:
    """An invitation that was just made, with all that its row says, and what is left of the limits."""

    id: str
    account_id: str
    email: str
    email_key: str
    role: Role
    message: str | None
    locale: str
    invited_by: str | None
    invited_via: str | None
    link_hash: str
    lifetime_seconds: int
    origin: dict[str, Any]
    checks: list[dict[str, Any]]
    resendable_at: datetime
    created_at: datetime
    expires_at: datetime
    status: Status = Status.CHECKING
    delivery: Delivery = Delivery.NONE
    generation: int = 1
    sent_count: int = 0
    last_sent_at: datetime | None = None
    ended_at: datetime | None = None
    decline_reason: str | None = None
    quotas: tuple[Quota, ...] = ()

    @property
    def address(self) -> EmailAddress:
        """Whom the offer is for."""
        return EmailAddress.kept(self.email, self.email_key)


Outcome = Made | Refused


def invite(asked: Asked, *, actor: Actor, rules: Rules, account_id: str, wish: Wish) -> Made:
    """Promise one invitation, unless an instant check says no: then `Refused` tells why. Nothing is sent from here."""
    (outcome,) = invite_all(asked, actor=actor, rules=rules, account_id=account_id, wishes=[wish])
    if isinstance(outcome, Refused):
        raise outcome
    return outcome


def invite_all(asked: Asked, *, actor: Actor, rules: Rules, account_id: str, wishes: Sequence[Wish]) -> list[Outcome]:
    """Promise an invitation for each wish that no instant check refuses; outcomes in the order of the wishes.

    All of it is written by one statement or in one transaction, so it needs none around it.
    """
    outcomes: dict[int, Outcome] = {}
    addresses: dict[int, EmailAddress] = {}
    for place, found in _addresses(wishes):
        if isinstance(found, Refused):
            outcomes[place] = found
        else:
            addresses[place] = found
    meant = [(address, wishes[place].role) for place, address in addresses.items()]
    origin = origins.of(actor, rules)
    ground, abouts = facts.about_all(asked, actor, origin, account_id=account_id, meant=meant)
    judgements = evaluate_all(abouts, lists=rules.lists, settings=rules.settings)
    put_down = _scribe(actor, rules, account_id, ground, origin)
    for (place, address), judgement in zip(addresses.items(), judgements, strict=True):
        outcomes[place] = _refusal(judgement) or put_down(address, wishes[place], judgement)
    made = [outcome for outcome in outcomes.values() if isinstance(outcome, Made)]
    bounds = Bounds.of(rules.settings, ground, actor, account_id=account_id)
    refused = _write(asked, actor, bounds, made)
    for place, outcome in outcomes.items():
        if isinstance(outcome, Made) and outcome.id in refused:
            outcomes[place] = refused[outcome.id]
    return [outcomes[place] for place in range(len(wishes))]


def lifetime(session: Session, *, rules: Rules, account_id: str) -> timedelta:
    """How long an invitation of this account lasts where nothing is said with it."""
    hours = session.scalar(select(Account.invitation_hours).where(Account.id == account_id))
    return _lifetime(rules, hours)


def passed(about: Facts, rules: Rules) -> Judgement:
    """What the instant checks say of these facts; raises the refusal that they may come to."""
    judgement = evaluate(about, lists=rules.lists, settings=rules.settings)
    if refusal := _refusal(judgement):
        raise refusal
    return judgement


def _refusal(judgement: Judgement) -> Refused | None:
    return Refused(reasons_of(judgement.checks, Verdict.DENY)) if judgement.verdict is Verdict.DENY else None


def _lifetime(rules: Rules, hours: int | None) -> timedelta:
    return timedelta(hours=hours) if hours else rules.settings.invitation_ttl


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


def _scribe(
    actor: Actor, rules: Rules, account_id: str, ground: Ground, origin: Origin
) -> Callable[[EmailAddress, Wish, Judgement], Made]:
    """Whoever puts down the invitations that this actor makes at this moment: what they have in common, once."""
    at, cooldown, usual = ground.at, rules.settings.resend_cooldown, _lifetime(rules, ground.invitation_hours)
    via, seen_from = (actor.id if actor.kind is ActorKind.API_KEY else None), origins.as_json(origin)
    checks_of, ids = cache(lambda judgement: judgement.as_json(at)), new_ids("inv")

    def put_down(address: EmailAddress, wish: Wish, judgement: Judgement) -> Made:
        invitation_id, span = next(ids), wish.lifetime or usual
        return Made(
            id=invitation_id,
            account_id=account_id,
            email=address.shown,
            email_key=address.key,
            role=wish.role,
            message=wish.message,
            locale=wish.locale,
            invited_by=actor.user_id,
            invited_via=via,
            link_hash=bytea(links.hash_of(rules, invitation_id, 1)),
            lifetime_seconds=int(span.total_seconds()),
            origin=seen_from,
            checks=checks_of(judgement),
            resendable_at=at + cooldown,
            created_at=at,
            expires_at=at + span,
        )

    return put_down


def _write(asked: Asked, actor: Actor, bounds: Bounds, made: Sequence[Made]) -> dict[str, Refused]:
    """Write the invitations with their jobs and events, within the limits; returns what refused others, by their ids.

    The row that somebody else has written meanwhile stays, and ours is refused.
    """
    if not made or _write_at_once(asked, actor, bounds, made):
        return {}
    with asked.transaction() if isinstance(asked, Bare) else nullcontext():
        return _write_what_fits(asked, actor, bounds, made)


def _write_at_once(asked: Asked, actor: Actor, bounds: Bounds, made: Sequence[Made]) -> bool:
    """Write all of them by one statement that is a transaction by itself; false where not all can be written."""
    if not isinstance(asked, Bare):
        return False
    (model, rows), *others = _insertion(actor, bounds.account_id, made)
    gate = usage.gate(bounds, [each.address for each in made])
    try:
        found = insert_behind(asked, gate, model, rows, *others)
    except InvalidTextRepresentation:
        return False
    for answer in found:
        left = usage.left(bounds, answer)
        for each in made:
            each.quotas = left
        _, checks = others[0]
        jobs.wrote(asked, _CHECK, [job["id"] for job in checks.each])
    return bool(found)


def _write_what_fits(asked: Asked, actor: Actor, bounds: Bounds, made: Sequence[Made]) -> dict[str, Refused]:
    """Lock what counts, and write each invitation that fits."""
    used = usage.hold(asked, bounds, [each.address for each in made])
    answers = admit([each.address for each in made], bounds.limits, bounds.per_recipient, deepcopy(used))
    refused: dict[str, Refused] = {each.id: no for each, no in zip(made, answers, strict=True) if no is not None}
    fitting = [each for each in made if each.id not in refused]
    written = _insert(asked, actor, bounds.account_id, fitting) if fitting else set()
    refused |= {each.id: Refused([already_invited(each.email)]) for each in fitting if each.id not in written}
    for each in made:
        if each.id in written:
            used.count(each.address)
    usage.record(asked, bounds, used)
    left = quotas(bounds.limits, used)
    for each in made:
        each.quotas = left
    return refused


def _insert(asked: Asked, actor: Actor, account_id: str, made: Sequence[Made]) -> set[str]:
    (model, rows), *others = _insertion(actor, account_id, made)
    # The unique index decides between two people who invite the same address at once.
    written = insert_rows(asked, model, rows, *others)
    _, checks = others[0]
    jobs.wrote(asked, _CHECK, [job["id"] for job in checks.each if job["subject_id"] in written])
    return written


def _insertion(actor: Actor, account_id: str, made: Sequence[Made]) -> list[tuple[type[Base], Rows]]:
    """The rows to insert: the invitations first, then the jobs and events about them."""
    told = [(each.id, account_id, {"email": each.email, "role": each.role}) for each in made]
    checks = jobs.rows(_CHECK, subjects=[each.id for each in made], account_id=account_id, generation=1)
    events = audit.rows(actor, "invitation.created", told)
    return [(Invitation, _rows(made)), (Job, checks), (AuditEvent, events)]


_OWN = ("id", "email", "email_key", "role", "message", "locale", "link_hash", "lifetime_seconds", "expires_at")
_UNSAID = ("last_sent_at", "ended_at", "decline_reason", "quotas")
_COMMON = tuple(field.name for field in fields(Made) if field.name not in {*_OWN, *_UNSAID, "checks"})


def _rows(made: Sequence[Made]) -> Rows:
    """What one person invites at one moment differs in little: colleagues even have their checks in common."""
    places = {id(one.checks): one.checks for one in made}
    place_of = {checks: place for place, checks in enumerate(places)}
    each = [{name: getattr(one, name) for name in _OWN} | {"checks": place_of[id(one.checks)]} for one in made]
    return Rows(each, {name: getattr(made[0], name) for name in _COMMON}, {"checks": list(places.values())})
