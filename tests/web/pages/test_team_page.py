"""The team's page: who is seen, who may do what there, and what a row says."""

import time

from shared.models import Invitation, Status
from shared.permissions import Role


def test_alice_sees_members_and_invitations_in_one_list(window, world, carol):
    acme = world.account(carol)
    world.join(acme, world.person("bob@corp.example"), Role.DEVELOPER)
    world.invited(acme, carol, "dora@corp.example")
    window.sign_in("carol@corp.example")
    answer = window.open(f"/accounts/{acme}/team")
    assert answer.status_code == 200
    for shown in ("carol@corp.example", "bob@corp.example", "dora@corp.example", "sending", "Add new user"):
        assert shown in answer.text


def test_a_stranger_sees_nothing(window, world, carol):
    acme = world.account(world.person("alice@corp.example"))
    window.sign_in("carol@corp.example")
    assert window.open(f"/accounts/{acme}/team").status_code == 404
