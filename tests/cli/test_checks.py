"""The commands that inspect checks, as operators and support staff run them."""

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy.orm import Session, sessionmaker
from test_commands import environ, usher

from shared.actor import Actor, ActorKind
from shared.clock import now
from shared.db.transaction import transaction
from shared.ids import new_id
from shared.invitations.create import InvitationRequest, invite
from shared.models import Account, Contract, Invitation, Membership, User
from shared.permissions import Role
from shared.policy import FOR_PEOPLE, parse_policy
from shared.policy_context import load
from shared.screening import screen
from shared.settings.settings import Settings

__all__ = ["environ"]


@pytest.fixture
def alice(sessions: sessionmaker[Session]) -> Actor:
    """The owner of an account with a contract, calling from an address that the tests' list has as a VPN's."""
    user = User(id=new_id("usr"), email="a@corp.example", email_key="a@corp.example", name="Alice", password_hash="")
    account, today = Account(id=new_id("acc"), name="Acme"), now().date()
    with transaction(sessions) as session:
        session.add_all([user, account])
        session.flush()
        session.add(Membership(id=new_id("mem"), account_id=account.id, user_id=user.id, role=Role.OWNER))
        terms = {"amount": 800, "currency": "USD", "starts_on": today, "ends_on": today + timedelta(days=400)}
        session.add(Contract(account_id=account.id, **terms))
    return Actor(ActorKind.USER, user.id, user.id, account.id, (Role.OWNER,), origin="203.0.113.7")


@pytest.fixture
def vpn(tmp_path: Path) -> str:
    path = tmp_path / "vpn.txt"
    path.write_text("203.0.113.0/24\n")
    return f"vpn={path}"


def invited(sessions: sessionmaker[Session], settings: Settings, alice: Actor, email: str) -> Invitation:
    policy = load(settings)
    with transaction(sessions) as session:
        request = InvitationRequest(email, Role.DEVELOPER)
        row = invite(session, actor=alice, policy=policy, account_id=str(alice.account_id), request=request)
        screen.screen(session, policy=policy, invitation_ids=[row.id])
    return row


def test_an_address_is_tried_with_where_it_would_come_from(environ: dict[str, str], alice: Actor, vpn: str) -> None:
    output = environ | {"USHER_NETWORK_LISTS": vpn}
    account = ("--account", str(alice.account_id))
    assert usher("check", "bob@corp.test", *account, environ=output).output.startswith("bob@corp.test: allow")
    denied = usher("check", "bob@corp.test", *account, "--from-ip", "203.0.113.7", environ=output).output
    assert denied.startswith("bob@corp.test: deny")
    assert "proxy_vpn: The request came from a network address that is listed as a VPN" in denied
    assert "Nothing was sent." in denied
    assert usher("check", "bob@corp.test", *account, "--from-ip", "here", environ=output).exit_code == 2


def test_why_tells_a_support_person_what_happened_and_what_to_do(
    environ: dict[str, str], settings: Settings, sessions: sessionmaker[Session], alice: Actor, vpn: str
) -> None:
    hold = parse_policy("vpn=hold", FOR_PEOPLE)
    (source,) = Settings.model_validate(dict(settings) | {"network_lists": vpn}).network_lists
    strict = settings.model_copy(update={"network_lists": (source,), "proxy_policy": hold})
    row = invited(sessions, strict, alice, "bob@corp.test")
    for which in (row.id, "bob@corp.test", "BOB@Corp.Test"):
        output = usher("why", which, environ=environ).output
        for words in ("was invited", "is on hold: nothing is sent until it is approved", "proxy_vpn", "release"):
            assert words in output
    unknown = usher("why", "no-one@corp.test", environ=environ)
    assert (unknown.exit_code, unknown.stderr) == (1, "There is no invitation no-one@corp.test.\n")


def test_the_past_is_replayed_under_other_rules(
    environ: dict[str, str], settings: Settings, sessions: sessionmaker[Session], alice: Actor, vpn: str
) -> None:
    row = invited(sessions, settings, alice, "bob@corp.test")
    same = usher("policy", "backtest", environ=environ).output
    assert same == "1 invitations in 30 days, 0 with a different outcome.\n"
    changes = {
        f"network_lists={vpn}": "proxy_vpn",
        "minimum_commitment=900 USD": "contract_below_minimum",
        "personal_domains_extra=corp.test": "domain_personal",
    }
    for change, code in changes.items():
        output = usher("policy", "backtest", "--set", change, environ=environ).output
        assert f"{row.id} bob@corp.test: allow -> deny" in output
        assert code in output
    assert usher("policy", "backtest", "--set", "smtp_url=x", environ=environ).exit_code == 2
