"""Every form that creates, sends or ends something, submitted twice: it acts once, and both show the same result."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from threading import Barrier

import pytest
from flask import Flask
from sqlalchemy import func, select, update

from shared import clock
from shared.limits import idempotency
from shared.models import (
    Account,
    ApiKey,
    AuditEvent,
    IdempotencyKey,
    Invitation,
    Job,
    JobKind,
    Membership,
    PolicyException,
    Signup,
    Status,
    User,
)
from shared.permissions import Role
from shared.tokens import Purpose, derive
from tests.web.conftest import PASSWORD, World
from tests.web.pages.conftest import Window

CAROL = "carol@corp.example"
COUNTED = (Account, ApiKey, AuditEvent, Invitation, Job, Membership, PolicyException, Signup, User)


@dataclass
class Scene:
    """Carol's account, in a browser in which she is signed in."""

    world: World
    window: Window
    carol: object
    account: str
    made: dict[str, str] = field(default_factory=dict)

    @property
    def here(self) -> str:
        return f"/accounts/{self.account}"


@dataclass
class Form:
    """A form: its page, its target, the typed fields, and the preparation it needs."""

    path: Callable[[Scene], str]
    seen_at: Callable[[Scene], str]
    fields: dict[str, str]


def _job(scene: Scene) -> str:
    scene.world.invited(scene.account, scene.carol, "dora@corp.example")
    assert scene.window.send("/operator", password=scene.world.settings.operator_key).status_code == 303
    with scene.world.sessions() as session:
        return session.scalars(select(Job.id).where(Job.kind == JobKind.INVITATION_MAIL)).one()


def _invitation(scene: Scene, **change: object) -> str:
    invitation = scene.world.invited(scene.account, scene.carol, "dora@corp.example")
    if change:
        scene.world.change(Invitation, invitation, **change)
    return f"{scene.here}/invitations/{invitation}"


def _resendable(scene: Scene) -> str:
    return _invitation(scene, resendable_at=func.now())


def _member(scene: Scene) -> str:
    place = scene.world.join(scene.account, scene.world.person("dora@corp.example"), Role.SUPPORT)
    return f"{scene.here}/members/{place}"


def _own(scene: Scene) -> str:
    other = scene.world.account(scene.world.person("owner@corp.example"), "Other")
    return f"/accounts/{other}/members/{scene.world.join(other, scene.carol, Role.SUPPORT)}/remove"


def _exception(scene: Scene) -> str:
    body = {"effect": "block", "subject": "domain", "value": "rival.example", "reason": "A test."}
    made = scene.carol.post(f"/v1{scene.here}/exceptions", body)
    return f"{scene.here}/exceptions/{made.json['id']}/remove"


def _key(scene: Scene) -> str:
    return f"{scene.here}/api-keys/{scene.world.api_key(scene.account, scene.carol, Role.SUPPORT).id}/revoke"


def _waiting(scene: Scene) -> str:
    alice = scene.world.person("alice@corp.example")
    return f"/me/invitations/{scene.world.invited(scene.world.account(alice, 'Zenith'), alice, CAROL)}"


def _session(scene: Scene) -> str:
    return f"/me/sessions/{scene.carol.get('/v1/me').json['id'].replace('usr', 'ses')}/end"


def _proof(scene: Scene) -> str:
    scene.window.send("/signup", email="new@corp.example", name="New", password=PASSWORD)
    with scene.world.sessions() as session:
        signup = session.scalars(select(Signup).where(Signup.email_key == "new@corp.example")).one()
    return f"/verify/{derive(scene.world.settings.secret_keys[0], Purpose.VERIFICATION, signup.id, 1)}"


def _reset(scene: Scene) -> str:
    scene.window.send("/forgot", email=CAROL)
    return f"/reset/{derive(scene.world.settings.secret_keys[0], Purpose.PASSWORD_RESET, scene.carol.id, 1)}"


def _link(scene: Scene, **change: object) -> str:
    invitation = scene.world.invited(scene.account, scene.carol, "bob@corp.example")
    scene.window.open(f"/i/{scene.world.token(invitation)}")
    if change:
        scene.world.change(Invitation, invitation, **change)
    return f"/invitations/{invitation}"


def at(tail: str) -> Callable[[Scene], str]:
    return lambda scene: scene.here + tail


def same(_: Scene) -> str:
    return ""


def _to(path: str) -> Callable[[Scene], str]:
    return lambda _: path


TEAM = at("/team")
RIVAL = {"effect": "block", "subject": "domain", "value": "rival.example", "reason": "A rival."}
FORMS = {
    "POST /accounts": Form(_to("/accounts"), same, {"name": "Zenith"}),
    "POST /accounts/<account_id>/api-keys": Form(at("/api-keys"), same, {"name": "deploy", "role": "developer"}),
    "POST /accounts/<account_id>/api-keys/<key_id>/revoke": Form(_key, at("/api-keys"), {}),
    "POST /accounts/<account_id>/exceptions": Form(at("/exceptions"), at("/settings"), RIVAL),
    "POST /accounts/<account_id>/exceptions/<exception_id>/remove": Form(_exception, at("/settings"), {}),
    "POST /accounts/<account_id>/settings": Form(at("/settings"), same, {"name": "Acme 2"}),
    "POST /accounts/<account_id>/team/invite": Form(
        at("/team/invite"), same, {"addresses": "dora@corp.example eve@gmail.com", "role": "support"}
    ),
    "POST /accounts/<account_id>/invitations/<invitation_id>": Form(_resendable, TEAM, {"action": "resend"}),
    "the same, revoked": Form(_invitation, TEAM, {"action": "revoke"}),
    "the same, with another role": Form(_invitation, TEAM, {"action": "role", "role": "support"}),
    "POST /accounts/<account_id>/members/<member_id>": Form(_member, TEAM, {"role": "developer"}),
    "POST /accounts/<account_id>/members/<member_id>/remove": Form(
        lambda scene: _member(scene) + "/remove", TEAM, {"address": "dora@corp.example"}
    ),
    "the same, of oneself": Form(_own, TEAM, {"address": CAROL}),
    "POST /jobs/<job_id>/cancel": Form(lambda scene: f"/jobs/{_job(scene)}/cancel", _to("/jobs"), {}),
    "POST /jobs/<job_id>/retry": Form(lambda scene: f"/jobs/{_job(scene)}/retry", _to("/jobs"), {}),
    "POST /me": Form(_to("/me"), same, {"name": "Carol Diaz", "locale": "es"}),
    "POST /me/invitations/<invitation_id>": Form(_waiting, _to("/me/invitations"), {"action": "decline"}),
    "the same, accepted": Form(_waiting, _to("/me/invitations"), {"action": "accept"}),
    "POST /me/sessions/<session_id>/end": Form(_session, _to("/me"), {}),
    "POST /accounts/default": Form(_to("/accounts/default"), _to("/accounts"), {"default_account_id": ""}),
    "POST /signup": Form(_to("/signup"), same, {"email": "new@corp.example", "name": "New", "password": PASSWORD}),
    "POST /verify/<token>": Form(_proof, same, {"password": PASSWORD}),
    "POST /me/password": Form(_to("/me/password"), same, {"current": PASSWORD, "new": "a purple elephant dances"}),
    "POST /forgot": Form(_to("/forgot"), same, {"email": CAROL}),
    "POST /reset/<token>": Form(_reset, same, {"password": PASSWORD}),
    "POST /invitations/<invitation_id>": Form(_link, same, {"action": "decline"}),
    "the same, asked for again": Form(lambda scene: _link(scene, status=Status.EXPIRED), same, {"action": "ask"}),
}
NO_EFFECT_TO_DOUBLE = {
    "POST /i/<token>": "the same as that of the invitation's page",
    "POST /login": "signs in again",
    "POST /logout": "there is nothing left to sign out of",
    "POST /operator": "signs in again",
    "POST /operator/leave": "there is nothing left to sign out of",
    "POST /accounts/<account_id>/team/invite/check": "changes nothing",
    "POST /accounts/<account_id>/team/invite/results.csv": "changes nothing",
    "POST /verify": "has a test of its own: Carol's address is proven",
}


@pytest.fixture
def scene(world: World, window: Window, carol) -> Scene:
    window.sign_in(CAROL)
    return Scene(world, window, carol, world.account(carol))


def rows(world: World) -> dict[str, int]:
    with world.sessions() as session:
        return {model.__name__: session.scalar(select(func.count()).select_from(model)) or 0 for model in COUNTED}


def form_token(window: Window, path: str) -> str:
    return re.search(r'name="csrf_token" value="([^"]+)"', window.open(path, follow_redirects=True).text)[1]


def test_every_form_is_pressed_twice_somewhere(app: Flask):
    posts = {
        f"POST {rule.rule}"
        for rule in app.url_map.iter_rules()
        if "POST" in (rule.methods or ()) and not rule.rule.startswith("/v1/")
    }
    assert posts == {name for name in FORMS if name.startswith("POST")} | NO_EFFECT_TO_DOUBLE.keys()


@pytest.mark.parametrize("name", FORMS)
def test_a_second_press_shows_what_the_first_one_did_and_does_nothing(scene: Scene, name: str):
    form, window = FORMS[name], scene.window
    path = form.path(scene)
    token = form_token(window, form.seen_at(scene) or path)
    first = window.post_unseen(path, csrf_token=token, **form.fields)
    assert first.status_code == 303, first.text
    after = rows(scene.world)
    second = window.post_unseen(path, csrf_token=token, **form.fields)
    assert (second.status_code, second.headers["Location"]) == (303, first.headers["Location"])
    assert rows(scene.world) == after
    assert window.open(second.headers["Location"], follow_redirects=True).status_code in {200, 410}


@pytest.mark.parametrize("name", ["POST /accounts", "POST /accounts/<account_id>/api-keys", "POST /signup"])
def test_two_presses_at_once_create_one_thing(scene: Scene, name: str):
    form, before = FORMS[name], rows(scene.world)
    path = form.path(scene)
    token, start = form_token(scene.window, path), Barrier(2)
    cookies = [
        scene.window.http.get_cookie(name) for name in ("usher", "usher_form") if scene.window.http.get_cookie(name)
    ]

    def press(_: int):
        http = scene.world.app.test_client()
        for cookie in cookies:
            http.set_cookie(cookie.key, cookie.value)
        start.wait()
        return http.post(path, data={"csrf_token": token, **form.fields})

    with ThreadPoolExecutor(2) as both:
        first, second = both.map(press, range(2))
    assert (first.status_code, second.status_code) == (303, 303)
    assert first.headers["Location"] == second.headers["Location"]
    grown = {model: count - before[model] for model, count in rows(scene.world).items() if model != "AuditEvent"}
    assert max(grown.values()) == 1


def test_a_form_that_was_changed_after_going_back_is_another_one(scene: Scene):
    token = form_token(scene.window, "/accounts")
    places = [
        scene.window.post_unseen("/accounts", csrf_token=token, name=name).headers["Location"]
        for name in ("Zenith", "Zenith", "Nadir")
    ]
    assert places[0] == places[1] != places[2]


def test_a_refused_form_can_be_corrected_and_sent_again(scene: Scene):
    token = form_token(scene.window, "/accounts")
    assert scene.window.post_unseen("/accounts", csrf_token=token, name=" ").status_code == 422
    assert scene.window.post_unseen("/accounts", csrf_token=token, name=" ").status_code == 422
    assert scene.window.post_unseen("/accounts", csrf_token=token, name="Zenith").status_code == 303


def test_an_unproven_person_who_asks_twice_for_the_link_gets_one_email(world, window, password_hash):
    person = world.person("new@corp.example", proven=False, password_hash=password_hash)
    window.sign_in("new@corp.example")
    token = form_token(window, "/accounts")
    answers = [window.post_unseen("/verify", csrf_token=token) for _ in range(2)]
    assert answers[0].headers["Location"] == answers[1].headers["Location"]
    with world.sessions() as session:
        assert len(session.scalars(select(Job).where(Job.subject_id == person.id)).all()) == 1


def test_a_new_key_is_shown_after_the_redirect_and_then_gone(scene: Scene):
    path, secret = f"{scene.here}/api-keys", re.compile(r"ushk_[\w-]{43}")
    token = form_token(scene.window, path)
    press = {"csrf_token": token, "name": "deploy", "role": "developer"}
    answer = scene.window.post_unseen(path, **press)
    assert (answer.status_code, answer.headers["Location"]) == (303, path)
    (shown,) = secret.findall(scene.window.open(path).text)
    assert (
        scene.world.app.test_client()
        .get(f"/v1/accounts/{scene.account}", headers={"Authorization": f"Bearer {shown}"})
        .json["id"]
        == scene.account
    )
    a_minute_later(scene)
    assert not secret.search(scene.window.open(path).text)
    assert scene.window.post_unseen(path, **press).headers["Location"] == path
    page = scene.window.open(path).text
    assert not secret.search(page)
    assert "This key was already shown." in page
    assert page.count("<strong>deploy</strong>") == 1


def a_minute_later(scene: Scene) -> None:
    """Let the minute end for which a secret is shown again."""
    shown_at = (clock.now() - timedelta(seconds=61)).timestamp()
    with scene.world.sessions.begin() as session:
        spent = update(IdempotencyKey).where(IdempotencyKey.status == idempotency.SPENT)
        session.execute(spent.values(headers={idempotency.SPENT_AT: shown_at}))


def test_every_page_that_a_double_click_loads_shows_the_new_key(scene: Scene):
    path = f"{scene.here}/api-keys"
    press = {"csrf_token": form_token(scene.window, path), "name": "deploy", "role": "developer"}
    cookies = {name: scene.window.http.get_cookie(name).value for name in ("usher", "usher_form")}
    gate = Barrier(3)

    def click() -> str:
        window = Window(scene.world.app.test_client())
        for name, value in cookies.items():
            window.http.set_cookie(name, value)
        gate.wait()
        return window.open(window.post_unseen(path, **press).headers["Location"]).text

    with ThreadPoolExecutor(3) as pool:
        pages = [answer.result() for answer in [pool.submit(click) for _ in range(3)]]
    shown = [re.findall(r"ushk_[\w-]{43}", page) for page in pages]
    assert len(shown[0]) == 1
    assert shown == [shown[0]] * 3


def test_a_new_key_is_in_no_cookie_no_address_and_no_row(scene: Scene):
    path = f"{scene.here}/api-keys"
    answer = scene.window.send(path, name="deploy", role="developer")
    page = scene.window.open(path).text
    (shown,) = re.findall(r"ushk_[\w-]{43}", page)
    assert shown.removeprefix("ushk_") not in str(answer.headers)
    with scene.world.sessions() as session:
        for table in ("idempotency_keys", "api_keys", "audit_events"):
            dump = str(session.connection().exec_driver_sql(f"SELECT t::text FROM {table} t").all())
            assert shown.removeprefix("ushk_")[5:] not in dump


def test_a_new_key_is_shown_in_no_other_browser(scene: Scene):
    path = f"{scene.here}/api-keys"
    scene.window.send(path, name="deploy", role="developer")
    copied = scene.window.http.get_cookie("usher_new_key").value
    other = Window(scene.world.app.test_client())
    other.sign_in(CAROL)
    other.http.set_cookie("usher_new_key", copied)
    assert not re.search(r"ushk_[\w-]{43}", other.open(path).text)
    assert re.search(r"ushk_[\w-]{43}", scene.window.open(path).text)


def test_a_portion_that_is_sent_twice_invites_once_and_shows_the_same(scene: Scene):
    path = f"{scene.here}/team/invite"
    fields = {
        "csrf_token": form_token(scene.window, path),
        "addresses": " ".join(f"p{n}@corp.example" for n in range(120)),
        "role": "support",
    }
    first, second = (
        scene.window.http.post(path, data=fields, headers={"Accept": "text/html", "HX-Request": "true"})
        for _ in range(2)
    )
    shown = [re.findall(r'<li id="(inv_\w+)"', answer.text) for answer in (first, second)]
    assert shown[0] == shown[1]
    assert len(shown[0]) == 100
    assert "not invited" not in second.text
    assert rows(scene.world)["Invitation"] == 100


def test_the_results_of_inviting_stay_at_their_address(scene: Scene):
    where = scene.window.send(
        f"{scene.here}/team/invite", addresses="dora@corp.example, eve@gmail.com", role="support"
    ).headers["Location"]
    for _ in range(2):
        page = scene.window.open(where)
        assert page.status_code == 200
        assert page.text.count('class="entry"') == 2
        assert ">eve@gmail.com</textarea>" in page.text
    assert rows(scene.world)["Invitation"] == 1
