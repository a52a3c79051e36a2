"""`usher check`, `usher why` and `usher policy`: test an address, explain an invitation, backtest settings."""

import os
from collections.abc import Iterable
from ipaddress import ip_address
from typing import Any

import click
from pydantic import ValidationError
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from shared import email_address, policy_context
from shared.accounts import accounts
from shared.actor import Actor, ActorKind
from shared.audit import log as audit_log
from shared.audit.events import Action
from shared.cli.database import command_transaction
from shared.cli.settings import settings_from
from shared.email_address import BadAddress
from shared.errors import NotFound
from shared.invitations import dry_run
from shared.models import AuditEvent, Invitation
from shared.observability import log
from shared.permissions import Role
from shared.screening import backtest
from shared.settings.settings import Settings

_REPLACEABLE = (
    *("network_lists", "proxy_policy", "proxy_policy_api_keys"),
    *("minimum_commitment", "personal_domains_extra", "unknown_policy"),
)
_ACTIONS: dict[str, str] = {
    Action.INVITATION_CREATED: "was invited",
    Action.INVITATION_RESENT: "was invited again, with a new link",
    Action.INVITATION_CHECKED: "passed the checks; the email is queued",
    Action.INVITATION_HELD: "is on hold: nothing is sent until it is approved",
    Action.INVITATION_BLOCKED: "was blocked by the checks: nothing was sent",
    Action.INVITATION_RELEASED: "was approved",
    Action.INVITATION_REFUSED: "was rejected: nothing is sent",
    Action.INVITATION_SENT: "was emailed",
    Action.INVITATION_DELIVERED: "was delivered",
    Action.INVITATION_DELIVERY_FAILED: "could not be emailed",
    Action.INVITATION_BOUNCED: "came back undelivered",
    Action.INVITATION_COMPLAINED: "was marked as spam by the recipient",
    Action.INVITATION_ACCEPTED: "accepted and is a member",
    Action.INVITATION_DECLINED: "declined",
    Action.INVITATION_REVOKED: "was revoked; the link no longer works",
    Action.INVITATION_EXPIRED: "expired; the link no longer works",
}
_NEXT = {
    "checking": "Nothing to do: it is being checked. If this takes long, run `usher doctor`.",
    "held": "Approve or reject it: POST .../invitations/{id}/release or /refuse, with a reason.",
    "pending": "Wait for an answer. If the email didn't arrive, check the spam folder, then resend.",
    "blocked": "Fix the reasons above, then invite again.",
    "expired": "Resend it. The new email has a new link.",
    "revoked": "Invite the address again.",
    "declined": "Ask the person, then invite again.",
    "accepted": "Nothing to do.",
}


def _settings() -> Settings:
    """The settings. Logs are limited to warnings, so that loading lists adds no lines to the output."""
    log.configure("WARNING")
    return settings_from(os.environ)


def _is_address(ctx: click.Context, option: click.Parameter, value: str | None) -> str | None:
    del ctx, option
    try:
        return str(ip_address(value)) if value is not None else None
    except ValueError:
        raise click.BadParameter("enter an IP address, such as 192.0.2.1") from None


@click.command()
@click.argument("email")
@click.option("--account", "account_id", required=True, metavar="ACCOUNT", help="The account's id, acc_...")
@click.option("--role", type=click.Choice([role.value for role in Role]), default=Role.DEVELOPER.value)
@click.option("--from-ip", callback=_is_address, metavar="ADDRESS", help="Client IP address of the request.")
def check(email: str, account_id: str, role: str, from_ip: str | None) -> None:
    """Test an invitation of EMAIL. Records and sends nothing."""
    settings = _settings()
    actor = Actor(ActorKind.OPERATOR, roles=(Role.OWNER,), origin=from_ip)
    with command_transaction(settings) as session:
        accounts.get(session, account_id)
        (trial,) = dry_run.dry_run(
            session,
            actor=actor,
            policy=policy_context.load(settings),
            account_id=account_id,
            recipients=[(email, Role(role))],
        )
    click.echo(f"{email}: {trial.verdict}")
    for done in trial.checks:
        data = done["data"]
        source = data.get("source", "this account") if isinstance(data, dict) else ""
        click.echo(f"  {done['check']}: {done['verdict']} (by {source})")
    _print_reasons(reason.as_json() for reason in trial.reasons)


@click.command()
@click.argument("which", metavar="INVITATION_OR_EMAIL")
def why(which: str) -> None:
    """Explain what happened to an invitation, and what to do now.

    Takes an invitation's id, or an email address for all invitations to it.
    """
    with command_transaction(settings_from(os.environ)) as session:
        found = _find(session, which)
        for invitation in found:
            _print_invitation(session, invitation)
    if not found:
        raise NotFound(f"There is no invitation {which}.")


@click.group()
def policy() -> None:
    """The policy of this installation."""


@policy.command("backtest")
@click.option("--days", default=30, show_default=True, type=click.IntRange(1, 3650), help="How far to go back.")
@click.option(
    "--set", "changes", multiple=True, metavar="SETTING=VALUE", help=f"A setting to change: {', '.join(_REPLACEABLE)}."
)
def backtest_policy(days: int, changes: tuple[str, ...]) -> None:
    """Replay past invitations with changed settings, and list those with a different outcome.

    Requests that were refused at once created no invitation, so they are not included.
    """
    settings = _settings()
    changed = _changed(settings, changes)
    count = differing = 0
    with command_transaction(settings) as session:
        for difference in backtest.replay(
            session, now=policy_context.load(settings), then=policy_context.load(changed), days=days
        ):
            count += 1
            if difference is not None:
                differing += 1
                invitation = difference.invitation
                click.echo(f"{invitation.id} {invitation.email}: {difference.before} -> {difference.after}")
                _print_reasons(reason.as_json() for reason in difference.reasons)
    click.echo(f"{count} invitations in {days} days, {differing} with a different outcome.")


def _changed(settings: Settings, changes: Iterable[str]) -> Settings:
    values: dict[str, Any] = {}
    for change in changes:
        name, sign, value = change.partition("=")
        if not sign or name.lower() not in _REPLACEABLE:
            raise click.BadParameter(f"{change!r} is not SETTING=VALUE of {', '.join(_REPLACEABLE)}")
        values[name.lower()] = value
    try:
        return Settings.model_validate(dict(settings) | values)
    except ValidationError as error:
        raise click.BadParameter("; ".join(problem["msg"] for problem in error.errors())) from None


def _find(session: Session, which: str) -> list[Invitation]:
    try:
        key = email_address.parse(which).key
    except BadAddress:
        key = which
    query = select(Invitation).where(or_(Invitation.id == which, Invitation.email_key == key))
    return list(session.scalars(query.order_by(Invitation.id)))


def _print_invitation(session: Session, invitation: Invitation) -> None:
    click.echo(f"{invitation.id}: {invitation.email} as {invitation.role} in {invitation.account_id}")
    until = f"{invitation.expires_at:%Y-%m-%d %H:%M} UTC"
    click.echo(f"Status {invitation.status}, delivery {invitation.delivery}, expires {until}.")
    query = select(AuditEvent).where(AuditEvent.subject_id == invitation.id).order_by(AuditEvent.seq)
    timeline = session.scalars(query).all()
    if audit_log.start_is_archived(session, account_id=invitation.account_id, timeline=timeline):
        click.echo("Older events are archived.")
    for event in timeline:
        words = _ACTIONS.get(event.action, event.action)
        detail = event.data.get("reason") or event.data.get("said") or event.data.get("why")
        click.echo(f"{event.at:%Y-%m-%d %H:%M:%S}  {words}" + (f" ({detail})" if isinstance(detail, str) else ""))
        _print_reasons(event.data.get("reasons") or ())
    _print_reasons(reason for done in invitation.checks if done["verdict"] != "deny" for reason in done["reasons"])
    click.echo(_NEXT[invitation.status].replace("{id}", invitation.id))


def _print_reasons(reasons: Iterable[dict[str, Any]]) -> None:
    for reason in reasons:
        click.echo(f"    {reason['code']}: {reason['message']}")
        click.echo(f"    -> {reason['remedy']} (who can: {str(reason['who']).replace('_', ' ')})")
