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
from shared.audit import log as audit_log
from shared.audit.events import Action
from shared.checks.evaluate import Facts, Judgement, evaluate, evaluate_all
from shared.checks.ip_ranges import Origin
from shared.checks.limits import admit, quotas
from shared.checks.membership import already_invited, email_invalid
from shared.checks.verdict import Verdict, reasons_of
from shared.db.autocommit import AutocommitConnection, SessionOrConnection
from shared.db.base import Base
from shared.db.bulk import Rows, bytea, insert_behind, insert_rows
from shared.email_address import BadAddress, EmailAddress, parse
from shared.errors import Quota, Refused
from shared.ids import new_ids
from shared.invitations import gate, links, usage
from shared.invitations.usage import Bounds
from shared.jobs import queue
from shared.models import Account, AuditEvent, Delivery, Invitation, Job, JobKind, Status
from shared.permissions import Role
from shared.policy_context import PolicyContext
from shared.screening import facts, request_origin
from shared.screening.facts import AccountFacts

MAX_PER_REQUEST = 1000
"""How many can be invited at once."""

_CHECK = JobKind.INVITATION_CHECK


@dataclass(frozen=True, slots=True)
class InvitationRequest:
    """Whom to invite, to which role, with which words, for how long (None: as the account or the installation says)."""

    email: str
    role: Role
    message: str | None = None
    lifetime: timedelta | None = None
    locale: str = "en"


@dataclass(slots=True)
class CreatedInvitation:
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


InviteResult = CreatedInvitation | Refused


def invite(
    connection: SessionOrConnection, *, actor: Actor, policy: PolicyContext, account_id: str, request: InvitationRequest
) -> CreatedInvitation:
    """Promise one invitation, unless an instant check says no: then `Refused` tells why. Nothing is sent from here."""
    (outcome,) = invite_all(connection, actor=actor, policy=policy, account_id=account_id, requests=[request])
    if isinstance(outcome, Refused):
        raise outcome
    return outcome


def invite_all(
    connection: SessionOrConnection,
    *,
    actor: Actor,
    policy: PolicyContext,
    account_id: str,
    requests: Sequence[InvitationRequest],
) -> list[InviteResult]:
    """Promise an invitation for each wish that no instant check refuses; outcomes in the order of the wishes.

    All of it is written by one statement or in one transaction, so it needs none around it.
    """
    outcomes: dict[int, InviteResult] = {}
    addresses: dict[int, EmailAddress] = {}
    for place, found in _addresses(requests):
        if isinstance(found, Refused):
            outcomes[place] = found
        else:
            addresses[place] = found
    recipients = [(address, requests[place].role) for place, address in addresses.items()]
    origin = request_origin.of(actor, policy)
    account, abouts = facts.facts_of_all(connection, actor, origin, account_id=account_id, recipients=recipients)
    judgements = evaluate_all(abouts, lists=policy.lists, settings=policy.settings)
    build = _builder(actor, policy, account_id, account, origin)
    for (place, address), judgement in zip(addresses.items(), judgements, strict=True):
        outcomes[place] = _refusal(judgement) or build(address, requests[place], judgement)
    created = [outcome for outcome in outcomes.values() if isinstance(outcome, CreatedInvitation)]
    bounds = Bounds.of(policy.settings, account, actor, account_id=account_id)
    refused = _write(connection, actor, bounds, created)
    for place, outcome in outcomes.items():
        if isinstance(outcome, CreatedInvitation) and outcome.id in refused:
            outcomes[place] = refused[outcome.id]
    return [outcomes[place] for place in range(len(requests))]


def lifetime(session: Session, *, policy: PolicyContext, account_id: str) -> timedelta:
    """How long an invitation of this account lasts where nothing is said with it."""
    hours = session.scalar(select(Account.invitation_hours).where(Account.id == account_id))
    return _lifetime(policy, hours)


def require_passed(about: Facts, policy: PolicyContext) -> Judgement:
    """What the instant checks say of these facts; raises the refusal that they may come to."""
    judgement = evaluate(about, lists=policy.lists, settings=policy.settings)
    if refusal := _refusal(judgement):
        raise refusal
    return judgement


def _refusal(judgement: Judgement) -> Refused | None:
    return Refused(reasons_of(judgement.checks, Verdict.DENY)) if judgement.verdict is Verdict.DENY else None


def _lifetime(policy: PolicyContext, hours: int | None) -> timedelta:
    return timedelta(hours=hours) if hours else policy.settings.invitation_ttl


def _addresses(requests: Sequence[InvitationRequest]) -> Iterator[tuple[int, EmailAddress | Refused]]:
    """Each wish's address; what is none, or stands there a second time, is refused."""
    seen: set[str] = set()
    for place, request in enumerate(requests):
        try:
            address = parse(request.email)
        except BadAddress as error:
            yield place, Refused([email_invalid(str(error))])
            continue
        yield place, Refused([already_invited(address.shown)]) if address.key in seen else address
        seen.add(address.key)


def _builder(
    actor: Actor, policy: PolicyContext, account_id: str, account: AccountFacts, origin: Origin
) -> Callable[[EmailAddress, InvitationRequest, Judgement], CreatedInvitation]:
    """Whoever puts down the invitations that this actor makes at this moment: what they have in common, once."""
    at, cooldown, usual = account.at, policy.settings.resend_cooldown, _lifetime(policy, account.invitation_hours)
    via, seen_from = (actor.id if actor.kind is ActorKind.API_KEY else None), request_origin.as_json(origin)
    checks_of, ids = cache(lambda judgement: judgement.as_json(at)), new_ids("inv")

    def build(address: EmailAddress, request: InvitationRequest, judgement: Judgement) -> CreatedInvitation:
        invitation_id, lifetime = next(ids), request.lifetime or usual
        return CreatedInvitation(
            id=invitation_id,
            account_id=account_id,
            email=address.shown,
            email_key=address.key,
            role=request.role,
            message=request.message,
            locale=request.locale,
            invited_by=actor.user_id,
            invited_via=via,
            link_hash=bytea(links.hash_of(policy, invitation_id, 1)),
            lifetime_seconds=int(lifetime.total_seconds()),
            origin=seen_from,
            checks=checks_of(judgement),
            resendable_at=at + cooldown,
            created_at=at,
            expires_at=at + lifetime,
        )

    return build


def _write(
    connection: SessionOrConnection, actor: Actor, bounds: Bounds, created: Sequence[CreatedInvitation]
) -> dict[str, Refused]:
    """Write the invitations with their jobs and events, within the limits; returns what refused others, by their ids.

    The row that somebody else has written meanwhile stays, and ours is refused.
    """
    if not created or _write_at_once(connection, actor, bounds, created):
        return {}
    with connection.transaction() if isinstance(connection, AutocommitConnection) else nullcontext():
        return _write_what_fits(connection, actor, bounds, created)


def _write_at_once(
    connection: SessionOrConnection, actor: Actor, bounds: Bounds, created: Sequence[CreatedInvitation]
) -> bool:
    """Write all of them by one statement that is a transaction by itself; false where not all can be written."""
    if not isinstance(connection, AutocommitConnection):
        return False
    (model, rows), *others = _insertion(actor, bounds.account_id, created)
    counted = gate.admit_all(bounds, [each.address for each in created])
    try:
        found = insert_behind(connection, counted, model, rows, *others)
    except InvalidTextRepresentation:
        return False
    for answer in found:
        left = gate.left(bounds, answer)
        for each in created:
            each.quotas = left
        _, checks = others[0]
        queue.record_enqueued(connection, _CHECK, [job["id"] for job in checks.each])
    return bool(found)


def _write_what_fits(
    connection: SessionOrConnection, actor: Actor, bounds: Bounds, created: Sequence[CreatedInvitation]
) -> dict[str, Refused]:
    """Lock what counts, and write each invitation that fits."""
    used = usage.hold(connection, bounds, [each.address for each in created])
    answers = admit([each.address for each in created], bounds.limits, bounds.per_recipient, deepcopy(used))
    refused: dict[str, Refused] = {each.id: no for each, no in zip(created, answers, strict=True) if no is not None}
    fitting = [each for each in created if each.id not in refused]
    written = _insert(connection, actor, bounds.account_id, fitting) if fitting else set()
    refused |= {each.id: Refused([already_invited(each.email)]) for each in fitting if each.id not in written}
    for each in created:
        if each.id in written:
            used.count(each.address)
    usage.record(connection, bounds, used)
    left = quotas(bounds.limits, used)
    for each in created:
        each.quotas = left
    return refused


def _insert(
    connection: SessionOrConnection, actor: Actor, account_id: str, created: Sequence[CreatedInvitation]
) -> set[str]:
    (model, rows), *others = _insertion(actor, account_id, created)
    # The unique index decides between two people who invite the same address at once.
    written = insert_rows(connection, model, rows, *others)
    _, checks = others[0]
    queue.record_enqueued(connection, _CHECK, [job["id"] for job in checks.each if job["subject_id"] in written])
    return written


def _insertion(actor: Actor, account_id: str, created: Sequence[CreatedInvitation]) -> list[tuple[type[Base], Rows]]:
    """The rows to insert: the invitations first, then the jobs and events about them."""
    details = [(each.id, account_id, {"email": each.email, "role": each.role}) for each in created]
    checks = queue.rows(_CHECK, subjects=[each.id for each in created], account_id=account_id, generation=1)
    events = audit_log.event_rows(actor, Action.INVITATION_CREATED, details)
    return [(Invitation, _rows(created)), (Job, checks), (AuditEvent, events)]


_OWN = ("id", "email", "email_key", "role", "message", "locale", "link_hash", "lifetime_seconds", "expires_at")
_UNSAID = ("last_sent_at", "ended_at", "decline_reason", "quotas")
_COMMON = tuple(field.name for field in fields(CreatedInvitation) if field.name not in {*_OWN, *_UNSAID, "checks"})


def _rows(created: Sequence[CreatedInvitation]) -> Rows:
    """What one person invites at one moment differs in little: colleagues even have their checks in common."""
    places = {id(one.checks): one.checks for one in created}
    place_of = {checks: place for place, checks in enumerate(places)}
    each = [{name: getattr(one, name) for name in _OWN} | {"checks": place_of[id(one.checks)]} for one in created]
    return Rows(each, {name: getattr(created[0], name) for name in _COMMON}, {"checks": list(places.values())})
