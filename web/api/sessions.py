"""Signing in and out."""

from datetime import datetime
from typing import Any

from shared.email_address import BadAddress, parse
from shared.models import Account, User
from shared.services import accounts, sessions
from web import auth, limits
from web.call import call, v1
from web.database import transaction
from web.guard import actor, public, signed_in
from web.kit import kit
from web.schemas.people import SessionOut, SignInBody, user_out


@v1.post("/sessions")
@public
@call(
    "People",
    body=SignInBody,
    answers=SessionOut,
    status=201,
    problems=(401, 429),
    example={"email": "owner@demo.example", "password": "the one that was chosen"},
)
def sign_in(body: SignInBody) -> dict[str, Any]:
    """Sign in; the token is shown this once. `landing_account` is where the person wants to begin."""
    user, token, expires_at, account = open_session(body.email, body.password)
    return {"token": token, "expires_at": expires_at, "user": user_out(user), "landing_account": account}


@v1.delete("/sessions/current")
@signed_in
@call("People", status=204)
def sign_out() -> None:
    """Sign out: the token opens nothing from now on."""
    close_session()


def open_session(email: str, password: str) -> tuple[User, str, datetime, Account | None]:
    """Sign in by address and password: the user, the token, when it ends, and where they land."""
    try:
        key = parse(email).key
    except BadAddress:
        key = ""
    with transaction() as session:
        found = sessions.find_user(session, key)
    # No connection is held while the password is compared: it takes longer than everything else together.
    user = limits.password_tried(lambda: sessions.check_password(found, password), key, limits.from_here())
    with transaction() as session:
        token, expires_at = sessions.start(session, actor=actor(), user_id=user.id, ttl=kit().settings.session_ttl)
        account = accounts.landing(session, user)
    return user, token, expires_at, account


def close_session() -> None:
    """End the caller's session, if there is one."""
    with transaction() as session:
        sessions.end(session, token=auth.caller().token)
