"""Gathers facts for the checks, about new addresses and about existing invitations.

Each process builds the statements once. Building them takes several times as long as running them.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from msgspec.json import encode
from sqlalchemy import (
    JSON,
    BindParameter,
    ColumnElement,
    Select,
    Text,
    bindparam,
    cast,
    func,
    literal_column,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.orm import Session, aliased

from shared.actor import Actor, assignable_by
from shared.checks.contract import Commitment, Terms
from shared.checks.evaluate import Facts
from shared.checks.ip_ranges import Origin
from shared.checks.mail_domain import MailFact, is_fresh
from shared.checks.overrides import Override
from shared.db.autocommit import SessionOrConnection
from shared.db.predicates import exists_where, in_literals
from shared.db.prepared import PreparedQuery
from shared.email_address import EmailAddress
from shared.errors import NotFound
from shared.models import (
    OPEN,
    Account,
    ApiKey,
    BillingAnswer,
    Contract,
    Invitation,
    MailDomain,
    Membership,
    User,
    api_key,
)
from shared.permissions import Role
from shared.policy import MailAnswer
from shared.policy_context import PolicyContext
from shared.screening import overrides, request_origin
from shared.screening.contracts import answered
from shared.screening.lookups import fact_of


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """Facts about an account at the time `at`, shared by all of its invitations."""

    invitation_hours: int | None
    limits: dict[str, int] | None
    abuse_held: bool
    commitment: Commitment
    billed: Commitment
    overrides: tuple[Override, ...]
    at: datetime


def with_account_facts(query: Select[*tuple[Any, ...]]) -> Select[*tuple[Any, ...]]:
    """Add the columns of the account's facts to a query on accounts. Read them with `account_facts_of`."""
    query = query.add_columns(
        *(Account.invitation_hours, Account.invitation_limits, Account.abuse_held_at.is_not(None)),
        *(Contract.amount, Contract.currency, Contract.starts_on, Contract.ends_on, Contract.updated_at),
        *(BillingAnswer.answered_at, BillingAnswer.terms, overrides.in_force(Account.id), func.now()),
    )
    query = query.outerjoin(Contract, Contract.account_id == Account.id)
    return query.outerjoin(BillingAnswer, BillingAnswer.account_id == Account.id)


def account_facts_of(columns: Sequence[Any]) -> AccountFacts:
    """Parse the columns added by `with_account_facts`."""
    hours, limits, held, amount, currency, starts_on, ends_on, dated, answered_at, answer, exempt, at = columns
    terms = None if amount is None else Terms(amount, currency, starts_on, ends_on)
    commitment = Commitment(terms, dated=dated)
    return AccountFacts(
        hours, limits, held, commitment, answered(answered_at, answer, at), overrides.from_json(exempt), at
    )


def ground(connection: SessionOrConnection, *, account_id: str) -> AccountFacts:
    """Current facts about this account. Raises `NotFound`."""
    found = _GROUND.fetch(connection, account_id=account_id)
    if not found:
        raise NotFound("There is no such account.")
    return account_facts_of(found[0])


def facts_of(
    connection: SessionOrConnection,
    *,
    actor: Actor,
    policy: PolicyContext,
    account_id: str,
    address: EmailAddress,
    role: Role,
    except_invitation_id: str = "",
) -> Facts:
    """Current facts about this actor inviting this address into the account. Raises `NotFound` for an unknown account.

    For a resend, `except_invitation_id` keeps the invitation itself from counting as an open one.
    """
    origin = request_origin.of(actor, policy)
    _, (found,) = facts_of_all(
        connection,
        actor,
        origin,
        account_id=account_id,
        recipients=[(address, role)],
        except_invitation_id=except_invitation_id,
    )
    return found


def facts_of_all(
    connection: SessionOrConnection,
    actor: Actor,
    origin: Origin,
    *,
    account_id: str,
    recipients: Sequence[tuple[EmailAddress, Role]],
    except_invitation_id: str = "",
) -> tuple[AccountFacts, list[Facts]]:
    """Facts about inviting each of these addresses, in order, and the account's facts, which they share."""
    account, known = _fetch_known(connection, account_id, [address for address, _ in recipients], except_invitation_id)
    assignable = actor.assignable
    return account, [
        Facts(
            address=address,
            role=role,
            assignable=assignable,
            is_member=is_member,
            already_invited=invited,
            commitment=account.commitment,
            billed=account.billed,
            origin=origin,
            mail=_mail(mail, account.at),
            overrides=account.overrides,
            abuse_held=account.abuse_held,
            at=account.at,
        )
        for (address, role), (is_member, invited, *mail) in zip(recipients, known, strict=True)
    ]


def _fetch_known(
    connection: SessionOrConnection, account_id: str, addresses: Collection[EmailAddress], except_invitation_id: str
) -> tuple[AccountFacts, list[list[Any]]]:
    """The account's facts and, in the order of the addresses, the known facts about each, in one statement."""
    # Sending JSON text costs the driver a hundredth of what sending an array does.
    keys, domains = (encode([getattr(each, name) for each in addresses]).decode() for name in ("key", "domain"))
    params = {"account_id": account_id, "keys": keys, "domains": domains, "but_for": except_invitation_id}
    ((known, *account),) = _OF_ACCOUNT.fetch(connection, **params)
    return account_facts_of(account), known or []


def facts_of_invitations(
    session: Session, invitation_ids: Collection[str], *, lock: bool = True
) -> Iterator[tuple[Invitation, Facts]]:
    """Invitations in the order of their ids, each with its current facts. `lock` locks the invitations' rows."""
    query = _of_invitations(lock)
    for invitation, inviters, keys, is_member, mail, *columns in session.execute(query, {"ids": list(invitation_ids)}):
        account = account_facts_of(columns)
        yield (
            invitation,
            Facts(
                address=invitation.address,
                role=Role.from_row(invitation.role),
                assignable=roles_assignable_by(inviters, keys, by_key=invitation.invited_via is not None),
                is_member=is_member,
                already_invited=False,
                commitment=account.commitment,
                billed=account.billed,
                origin=request_origin.from_json(invitation.origin),
                mail=None if mail is None else _fresh(fact_of(mail), account.at),
                overrides=account.overrides,
                abuse_held=account.abuse_held,
                at=account.at,
            ),
        )


def roles_assignable_by(inviters: str | None, keys: str | None, *, by_key: bool) -> frozenset[Role]:
    """Roles that an inviter with this role can assign. For an API key, the key's role must allow the role too."""
    roles = (keys, inviters) if by_key else (inviters,)
    return assignable_by(tuple(Role.from_row(role) if role else None for role in roles))


@cache
def _of_invitations(lock: bool) -> Any:
    inviter = aliased(Membership)
    is_member = _is_member(Invitation.account_id, Invitation.email_key)
    columns = select(Invitation, inviter.role, ApiKey.role, is_member, MailDomain).select_from(Invitation)
    query = (
        with_account_facts(columns.join(Account, Account.id == Invitation.account_id))
        .outerjoin(inviter, (inviter.account_id == Invitation.account_id) & (inviter.user_id == Invitation.invited_by))
        .outerjoin(ApiKey, (ApiKey.id == Invitation.invited_via) & api_key.is_live())
        .outerjoin(MailDomain, MailDomain.domain == func.split_part(Invitation.email_key, "@", -1))
        .where(Invitation.id.in_(bindparam("ids", expanding=True)))
        .order_by(Invitation.id)
        .execution_options(populate_existing=True)
    )
    return query.with_for_update(of=Invitation) if lock else query


def _mail(known: list[Any], at: datetime) -> MailFact | None:
    answer, source, looked_up_at = known
    if answer is None:
        return None
    return _fresh(MailFact(MailAnswer.from_row(answer), source, datetime.fromisoformat(looked_up_at)), at)


def _fresh(fact: MailFact, at: datetime) -> MailFact | None:
    return fact if is_fresh(fact, at) else None


def _is_member(account_id: object, email_key: object) -> ColumnElement[bool]:
    place, person = aliased(Membership), aliased(User)
    return exists_where(place.account_id == account_id, person.id == place.user_id, person.email_key == email_key)


def _account_query() -> PreparedQuery:
    account_id = bindparam("account_id", type_=Text())
    known = select(_known_of_addresses(account_id)).select_from(Account)
    return PreparedQuery(with_account_facts(known).where(Account.id == account_id))


def _known_of_addresses(account_id: BindParameter[str]) -> ColumnElement[Any]:
    """JSON with one row per address: is a member, has an open invitation, and the facts about its mail domain."""
    keys, domains = (
        func.json_array_elements_text(cast(bindparam(name, type_=Text()), JSON))
        .table_valued("value", with_ordinality="place", name=name)
        .render_derived()
        for name in ("keys", "domains")
    )
    open_one = exists_where(
        Invitation.account_id == account_id,
        Invitation.email_key == keys.c.value,
        in_literals(Invitation.status, *OPEN),
        Invitation.id != bindparam("but_for", type_=Text()),
    )
    columns = select(MailDomain.answer, MailDomain.source, MailDomain.looked_up_at)
    mail = columns.where(MailDomain.domain == domains.c.value).limit(literal_column("1")).lateral("mail")
    row = func.json_build_array(_is_member(account_id, keys.c.value), open_one, *mail.c)
    known = select(func.json_agg(aggregate_order_by(row, keys.c.place))).select_from(keys)
    return known.join(domains, keys.c.place == domains.c.place).outerjoin(mail, true()).scalar_subquery()


_OF_ACCOUNT = _account_query()
_GROUND = PreparedQuery(
    with_account_facts(select().select_from(Account)).where(Account.id == bindparam("account_id", type_=Text()))
)
