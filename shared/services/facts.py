"""Gathers what the checks judge by: of addresses that are to be invited, and of invitations that were made.

All statements are put together once a process: that would take several times as long as running them.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from pydantic_core import to_json
from sqlalchemy import JSON, ColumnElement, Select, Text, bindparam, cast, func, literal_column, or_, select, true
from sqlalchemy.orm import Session, aliased

from shared.actor import Actor, assignable_to
from shared.checks.eligibility import Commitment
from shared.checks.evaluate import Facts
from shared.checks.exceptions import Exemption
from shared.checks.mail_domain import MailFact, is_fresh
from shared.checks.networks import Origin
from shared.db import Asked, Question
from shared.email_address import EmailAddress
from shared.models import OPEN, Account, ApiKey, BillingAnswer, Contract, Invitation, MailDomain, Membership, User
from shared.models.columns import among
from shared.permissions import Role
from shared.policy import MailAnswer
from shared.services import exceptions, origins
from shared.services.contracts import billed, commitment_of
from shared.services.outside import fact_of
from shared.services.rules import Rules

_CONTRACT = ("amount", "currency", "starts_on", "ends_on", "updated_at")


@dataclass(frozen=True, slots=True)
class Ground:
    """What is the same for everybody that an account invites at this moment (`at`)."""

    invitation_hours: int | None
    commitment: Commitment
    billed: Commitment
    exemptions: tuple[Exemption, ...]
    at: datetime


def ground(asked: Asked, account_id: str) -> Ground:
    """What the account's own rows say, by one statement; the account has to be there."""
    ((hours, *terms, answered_at, answer, rows, at),) = _OF_ACCOUNT.ask(asked, account_id=account_id)
    said = dict(zip(_CONTRACT, terms, strict=True))
    return Ground(
        hours,
        commitment_of(None if said["amount"] is None else Contract(**said)),
        billed(BillingAnswer(answered_at=answered_at, terms=answer), at),
        exceptions.from_json(rows),
        at,
    )


def about(
    session: Session,
    *,
    actor: Actor,
    rules: Rules,
    account_id: str,
    address: EmailAddress,
    role: Role,
    but_for: str = "",
) -> Facts:
    """The facts about inviting this address into the account, at this moment and by this actor.

    `but_for` is the invitation that is being sent again, which doesn't stand in its own way.
    """
    (found,) = about_all(
        session,
        actor,
        origins.of(actor, rules),
        account_id=account_id,
        meant=[(address, role)],
        ground=ground(session, account_id),
        but_for=but_for,
    )
    return found


def about_all(
    asked: Asked,
    actor: Actor,
    origin: Origin,
    *,
    account_id: str,
    meant: Sequence[tuple[EmailAddress, Role]],
    ground: Ground,
    but_for: str = "",
) -> list[Facts]:
    """The facts about inviting each of these addresses, in their order, on the ground that all of them share."""
    keys, domains = [address.key for address, _ in meant], [address.domain for address, _ in meant]
    told = {"account_id": account_id, "keys": to_json(keys).decode(), "domains": to_json(domains).decode()}
    assignable = actor.assignable
    return [
        Facts(
            address=address,
            role=role,
            assignable=assignable,
            is_member=is_member,
            already_invited=invited,
            commitment=ground.commitment,
            billed=ground.billed,
            origin=origin,
            mail=_fresh(MailFact(MailAnswer(answer), source, looked_up_at), ground.at) if answer else None,
            exemptions=ground.exemptions,
            at=ground.at,
        )
        for (address, role), (is_member, invited, answer, source, looked_up_at) in zip(
            meant, _OF_ADDRESSES.ask(asked, but_for=but_for, **told), strict=True
        )
    ]


def assignable_by_inviter(session: Session, invitation: Invitation) -> frozenset[Role]:
    """The roles that may be given now by whoever answers for this invitation, and by the API key that it came by."""
    asked = {"account_id": invitation.account_id, "user_id": invitation.invited_by, "key_id": invitation.invited_via}
    ((inviters, keys),) = _OF_INVITER.ask(session, **asked)
    return _assignable(invitation, inviters, keys)


def about_each(
    session: Session, invitation_ids: Collection[str], *, lock: bool = True
) -> Iterator[tuple[Invitation, Facts]]:
    """These invitations, locked in the order of their ids, each with the facts of this moment about it."""
    query = _of_invitations(lock)
    for invitation, inviters, keys, is_member, *ground in session.execute(query, {"ids": list(invitation_ids)}):
        yield (
            invitation,
            Facts(
                address=invitation.address,
                role=Role(invitation.role),
                assignable=_assignable(invitation, inviters, keys),
                is_member=is_member,
                already_invited=False,
                origin=origins.from_json(invitation.origin),
                **_ground(*ground),
            ),
        )


def _assignable(invitation: Invitation, inviters: str | None, keys: str | None) -> frozenset[Role]:
    roles = (inviters,) if invitation.invited_via is None else (keys, inviters)
    return assignable_to(tuple(Role(role) if role else None for role in roles))


@cache
def _of_invitations(lock: bool) -> Any:
    inviter = aliased(Membership)
    query = _with_ground(
        select(Invitation, inviter.role, ApiKey.role, _is_member(Invitation.account_id, Invitation.email_key)),
        Invitation.account_id,
        func.split_part(Invitation.email_key, "@", -1),
    )
    query = (
        query.outerjoin(
            inviter, (inviter.account_id == Invitation.account_id) & (inviter.user_id == Invitation.invited_by)
        )
        .outerjoin(ApiKey, (ApiKey.id == Invitation.invited_via) & _live_key())
        .where(Invitation.id.in_(bindparam("ids", expanding=True)))
        .order_by(Invitation.id)
        .execution_options(populate_existing=True)
    )
    return query.with_for_update(of=Invitation) if lock else query


def _with_ground(query: Any, account_id: Any, domain: Any) -> Any:
    """The query, with what is known of the account and the domain behind its own columns; `_ground` reads it."""
    query = query.add_columns(Contract, BillingAnswer, MailDomain, exceptions.in_force(account_id), func.now())
    query = query.outerjoin(Contract, Contract.account_id == account_id)
    query = query.outerjoin(BillingAnswer, BillingAnswer.account_id == account_id)
    return query.outerjoin(MailDomain, MailDomain.domain == domain)


def _ground(
    contract: Contract | None, billing: BillingAnswer | None, mail: MailDomain | None, rows: Any, at: Any
) -> dict[str, Any]:
    return {
        "commitment": commitment_of(contract),
        "billed": billed(billing, at),
        "mail": None if mail is None else _fresh(fact_of(mail), at),
        "exemptions": exceptions.from_json(rows),
        "at": at,
    }


def _fresh(fact: MailFact, at: datetime) -> MailFact | None:
    return fact if is_fresh(fact, at) else None


def _is_member(account_id: object, email_key: object) -> ColumnElement[bool]:
    place, person = aliased(Membership), aliased(User)
    return _any(place.account_id == account_id, person.id == place.user_id, person.email_key == email_key)


def _any(*conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether there is such a row. The limit has PostgreSQL look in an index; it would read the whole table else."""
    found: Select[Any] = select(literal_column("true")).where(*conditions).limit(literal_column("1"))
    return found.scalar_subquery().is_not(None)


def _live_key() -> ColumnElement[bool]:
    return ApiKey.revoked_at.is_(None) & or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > func.now())


def _question_of_account() -> Question:
    query = select(
        Account.invitation_hours,
        *(getattr(Contract, name) for name in _CONTRACT),
        *(BillingAnswer.answered_at, BillingAnswer.terms, exceptions.in_force(Account.id), func.now()),
    )
    query = query.outerjoin(Contract, Contract.account_id == Account.id)
    query = query.outerjoin(BillingAnswer, BillingAnswer.account_id == Account.id)
    return Question(query.where(Account.id == bindparam("account_id", type_=Text())))


def _question_of_inviter() -> Question:
    account_id, user_id, key_id = (bindparam(name, type_=Text()) for name in ("account_id", "user_id", "key_id"))
    place = select(Membership.role).where(Membership.account_id == account_id, Membership.user_id == user_id)
    return Question(
        select(place.scalar_subquery(), select(ApiKey.role).where(ApiKey.id == key_id, _live_key()).scalar_subquery())
    )


def _question_of_addresses() -> Question:
    account_id = bindparam("account_id", type_=Text())
    # A text of JSON costs the driver a hundredth of what an array does.
    keys, domains = (
        func.json_array_elements_text(cast(bindparam(name, type_=Text()), JSON))
        .table_valued("value", with_ordinality="place", name=name)
        .render_derived()
        for name in ("keys", "domains")
    )
    open_one = _any(
        Invitation.account_id == account_id,
        Invitation.email_key == keys.c.value,
        among(Invitation.status, *OPEN),
        Invitation.id != bindparam("but_for", type_=Text()),
    )
    said = select(MailDomain.answer, MailDomain.source, MailDomain.looked_up_at)
    mail = said.where(MailDomain.domain == domains.c.value).limit(literal_column("1")).lateral("mail")
    query = select(_is_member(account_id, keys.c.value), open_one, *mail.c)
    query = query.select_from(keys).join(domains, keys.c.place == domains.c.place).outerjoin(mail, true())
    return Question(query.order_by(keys.c.place))


_OF_ACCOUNT, _OF_ADDRESSES = _question_of_account(), _question_of_addresses()
_OF_INVITER = _question_of_inviter()
