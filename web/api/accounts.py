"""Accounts: made by whoever then owns them; their contract; whether they may invite."""

from typing import Any

from shared.checks.eligibility import Terms
from shared.models import Contract
from shared.permissions import Permission
from shared.services import accounts, contracts, trials
from web import auth
from web.call import call, v1
from web.database import transaction
from web.guard import actor, member, operator, requires, signed_in
from web.idempotent import idempotent
from web.kit import kit
from web.schemas.accounts import AccountBody, AccountChange, AccountOut, ContractBody, ContractOut, EligibilityOut


@v1.post("/accounts")
@signed_in
@idempotent
@call("Accounts", body=AccountBody, answers=AccountOut, status=201, problems=(403, 409), example={"name": "Acme"})
def create_account(body: AccountBody) -> Any:
    """Make an account; the caller is its owner. Their address has to be proven."""
    with transaction() as session:
        account = accounts.create(session, actor=actor(), owner=auth.user(), name=body.name)
    return account, {"Location": f"/v1/accounts/{account.id}"}


@v1.get("/accounts/<account_id>")
@member
@call("Accounts", answers=AccountOut)
def show_account(account_id: str) -> Any:
    """Show an account."""
    with transaction() as session:
        return accounts.get(session, account_id)


@v1.patch("/accounts/<account_id>")
@requires(Permission.ACCOUNT_EDIT)
@call(
    "Accounts",
    body=AccountChange,
    answers=AccountOut,
    example={"name": "Acme Europe", "lapsed_contract": "hold", "invitation_hours": 72},
)
def change_account(account_id: str, body: AccountChange) -> Any:
    """Change an account's name, how long its new invitations last, or what pending ones come to without a contract.

    When its contract lapses, they wait until one is in force again with `hold`, the default; with `allow` they can be
    accepted.
    """
    with transaction() as session:
        return accounts.change(session, actor=actor(), account_id=account_id, changes=body.changes())


@v1.get("/accounts/<account_id>/eligibility")
@requires(Permission.TEAM_VIEW)
@call("Accounts", answers=EligibilityOut)
def show_eligibility(account_id: str) -> dict[str, Any]:
    """Say whether the account may invite now, and if not, why and who can change that.

    That is by its contract, by its limits on inviting, and by reports of abuse.
    """
    with transaction() as session:
        check, terms = contracts.judge(session, rules=kit().rules, account_id=account_id)
        others = trials.of_account(session, actor=actor(), rules=kit().rules, account_id=account_id)
    reasons = [*check.reasons, *others]
    return {"eligible": not reasons, "reasons": reasons, "contract": terms and contract_out(terms)}


@v1.put("/accounts/<account_id>/contract")
@operator
@call(
    "Accounts",
    body=ContractBody,
    answers=ContractOut,
    problems=(404,),
    example={
        "monthly_commitment": {"amount": "1000.00", "currency": "USD"},
        "starts_on": "2026-01-01",
        "ends_on": "2026-12-31",
    },
)
def set_contract(account_id: str, body: ContractBody) -> dict[str, Any]:
    """Record what the account has committed to spend each month, in place of what was recorded before."""
    with transaction() as session:
        contract = contracts.set_terms(
            session,
            actor=actor(),
            account_id=account_id,
            amount=body.monthly_commitment.amount,
            currency=body.monthly_commitment.currency,
            starts_on=body.starts_on,
            ends_on=body.ends_on,
        )
    return contract_out(contract)


def contract_out(contract: Contract | Terms) -> dict[str, Any]:
    """A contract as callers see it."""
    return {
        "monthly_commitment": {"amount": contract.amount, "currency": contract.currency},
        "starts_on": contract.starts_on,
        "ends_on": contract.ends_on,
    }
