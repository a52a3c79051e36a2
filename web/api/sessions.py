"""Sign-in and sign-out."""

from typing import Any

from web.actions.sessions import close_session, open_session
from web.auth.guards import public, signed_in
from web.http.endpoint import endpoint, v1
from web.schemas.users import SessionOut, SignInBody, user_out


@v1.post("/sessions")
@public
@endpoint(
    "People",
    body=SignInBody,
    response=SessionOut,
    status=201,
    problems=(401, 429),
    example={"email": "owner@demo.example", "password": "the one that was chosen"},
)
def sign_in(body: SignInBody) -> dict[str, Any]:
    """Sign in with an email address and a password.

    The token is shown only once. `landing_account` is the account to show first.
    """
    opened = open_session(body.email, body.password)
    return {
        "token": opened.token,
        "expires_at": opened.expires_at,
        "user": user_out(opened.user),
        "landing_account": opened.landing,
    }


@v1.delete("/sessions/current")
@signed_in
@endpoint("People", status=204)
def sign_out() -> None:
    """Sign out.

    The session's token stops working at once.
    """
    close_session()
