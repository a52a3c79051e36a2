"""Passwords: a forgotten one, and a new one. No answer tells whether an address is known."""

from typing import Any

from shared.errors import Invalid, Unauthenticated
from shared.models import ApiKey, Signup, User
from shared.services import api_keys, password_policy, sessions, users
from web import auth, limits
from web.api.users import address_of
from web.call import call, v1
from web.database import transaction
from web.even_time import even_time
from web.guard import actor, public, signed_in
from web.kit import kit
from web.schemas.people import AddressBody, ChangePasswordBody, NewPasswordBody, ResetOut


@v1.put("/me/password")
@signed_in
@call(
    "People",
    body=ChangePasswordBody,
    status=204,
    problems=(429,),
    example={"current": "correct horse battery", "new": "a purple elephant dances"},
)
def change_my_password(body: ChangePasswordBody) -> None:
    """Change one's password; every other session ends, and the API keys live on."""
    change_password(body)


@v1.post("/password-resets")
@public
@call("People", body=AddressBody, status=202, problems=(429,), example={"email": "carol@corp.example"})
def request_password_reset(body: AddressBody) -> None:
    """Email a link that sets a new password, where there is a user of this address."""
    email_reset(body.email)


@v1.post("/password-resets/confirm")
@public
@call(
    "People",
    body=NewPasswordBody,
    answers=ResetOut,
    problems=(404, 410),
    example={"token": "x" * 43, "password": "correct horse battery"},
)
def reset_password(body: NewPasswordBody) -> dict[str, Any]:
    """Set a new password with the token of the link; every session of the user ends.

    The answer lists the API keys that the person made and that live on; `revoke_api_keys` revokes them all.
    """
    user, keys = set_password(body)
    return {"email": user.email, "api_keys": [_key_out(key, name) for key, name in keys]}


def email_reset(email: str) -> None:
    """Enqueue an email with a link that sets a new password, where there is a user to send it to, within the limits."""
    address = address_of(email)
    with even_time():
        limits.count_email(address)
        with transaction() as session:
            users.request_reset(session, actor=actor(), rules=kit().rules, address=address)


def keys_behind(token: str) -> list[tuple[ApiKey, str]]:
    """The API keys of the person whose password this link sets, each with its account's name."""
    with transaction() as session:
        user = users.find_reset(session, token=token)
        return api_keys.of_creator(session, created_by=user.id)


def set_password(body: NewPasswordBody) -> tuple[User, list[tuple[ApiKey, str]]]:
    """Set a new password by the link that was emailed: the user, and their API keys that live on.

    The slow hash is made only for a link that works.
    """
    with transaction() as session:
        user = users.find_reset(session, token=body.token)
    digest = password_policy.chosen(body.password, about=(user.name, user.email_key), settings=kit().settings)
    with transaction() as session:
        user = users.reset_password(session, actor=actor(), token=body.token, password_hash=digest)
        if body.revoke_api_keys:
            api_keys.revoke_of_creator(session, actor=actor(), created_by=user.id)
        return user, api_keys.of_creator(session, created_by=user.id)


def change_password(body: ChangePasswordBody) -> None:
    """Change the signed-in person's password; tries of the present one are limited."""
    me = auth.user()
    with transaction() as session:
        person = session.get(User, me.id) or session.get(Signup, me.id)
    try:
        limits.password_tried(lambda: sessions.check_password([person] if person else [], body.current), "me", me.id)
    except Unauthenticated:
        # Not a 401: the caller is signed in, and a program would take that for the end of the session.
        raise Invalid([("current", "This is not your current password.")]) from None
    digest = password_policy.chosen(body.new, about=(me.name, me.email_key), settings=kit().settings, field="new")
    with transaction() as session:
        users.change_password(session, actor=actor(), user_id=me.id, password_hash=digest, keep=auth.caller().token)


def _key_out(key: ApiKey, account_name: str) -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "account": {"id": key.account_id, "name": account_name},
        "role": key.role,
        "created_at": key.created_at,
        "last_used_at": key.last_used_at,
    }
