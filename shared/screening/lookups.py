"""External lookups that invitations need before their checks, and the stored answers.

All processes and invitations share an answer until it expires.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from shared.checks.mail_domain import MailFact, is_fresh, is_reserved
from shared.db.predicates import any_of
from shared.db.prepared import PreparedQuery as Asking
from shared.models import BillingAnswer, Invitation, MailDomain, Status
from shared.policy import MailAnswer
from shared.policy_context import PolicyContext
from shared.screening.contracts import BILLING_ANSWER_TTL, BILLING_RETRY_AFTER


class Topic(StrEnum):
    """The external source of an answer: DNS for a domain, or the billing system for an account."""

    MAIL = "mail"
    BILLING = "billing"


Lookup = tuple[Topic, str]


def missing_lookups(session: Session, policy: PolicyContext, invitation_ids: Collection[str]) -> dict[str, set[Lookup]]:
    """Lookups that each of these invitations needs, by invitation id. Empty where all answers are fresh."""
    wanted: dict[str, set[Lookup]] = {}
    for invitation_id, account_id, domain, *mail, answered_at, failed_at, now in _KNOWN.fetch(
        session, ids=",".join(invitation_ids)
    ):
        wanted[invitation_id] = lookups = set()
        passes = policy.settings.reserved_domains == "allow" and is_reserved(domain)
        if not passes and (mail[0] is None or not is_fresh(MailFact(MailAnswer.from_row(mail[0]), *mail[1:]), now)):
            lookups.add((Topic.MAIL, domain))
        if policy.settings.billing_url is not None and _is_due(answered_at, failed_at, now):
            lookups.add((Topic.BILLING, account_id))
    return wanted


def store(session: Session, answers: Mapping[Lookup, Any]) -> None:
    """Store answers for all later checks."""
    # A fixed order keeps two transactions that write the same rows from deadlocking.
    for (topic, subject), answer in sorted(answers.items(), key=lambda item: item[0]):
        if topic is Topic.MAIL:
            _store_mail(session, subject, *answer)
        else:
            _store_contract(session, subject, answer)


def fact_of(row: MailDomain) -> MailFact:
    """The row's answer as a plain value."""
    return MailFact(MailAnswer.from_row(row.answer), row.source, row.looked_up_at)


def _store_mail(session: Session, domain: str, answer: MailAnswer, source: str) -> None:
    values = {"answer": answer, "source": source, "looked_up_at": func.now()}
    row = insert(MailDomain).values(domain=domain, **values)
    session.execute(row.on_conflict_do_update(index_elements=[MailDomain.domain], set_=values))


def _store_contract(session: Session, account_id: str, terms: Any) -> None:
    answered = terms is None or isinstance(terms, dict)
    values = {"terms": terms, "answered_at": func.now()} if answered else {"failed_at": func.now()}
    row = insert(BillingAnswer).values(account_id=account_id, **values)
    session.execute(row.on_conflict_do_update(index_elements=[BillingAnswer.account_id], set_=values))


def _is_due(answered_at: datetime | None, failed_at: datetime | None, now: datetime) -> bool:
    if failed_at is not None and now - failed_at < BILLING_RETRY_AFTER:
        return False
    return answered_at is None or now - answered_at > BILLING_ANSWER_TTL / 2


_DOMAIN = func.split_part(Invitation.email_key, "@", -1)
_KNOWN = Asking(
    select(
        *(Invitation.id, Invitation.account_id, _DOMAIN),
        *(MailDomain.answer, MailDomain.source, MailDomain.looked_up_at),
        *(BillingAnswer.answered_at, BillingAnswer.failed_at, func.now()),
    )
    .outerjoin(MailDomain, MailDomain.domain == _DOMAIN)
    .outerjoin(BillingAnswer, BillingAnswer.account_id == Invitation.account_id)
    .where(Invitation.id == func.any(any_of("ids")), Invitation.status.in_((Status.CHECKING, Status.HELD)))
)
