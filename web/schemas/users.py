"""Users: sign-up, sign-in, profile, accounts."""

from datetime import datetime
from typing import Any

from pydantic import Field

from shared.permissions import Role
from web.schemas.base import Body, Email, Locale, Name, NewPassword, Out, Text, Token


class SignUpBody(Body):
    """A user to sign up."""

    email: Email
    name: Name
    password: NewPassword
    locale: Locale = "en"


class SignInBody(Body):
    """Credentials to sign in with."""

    email: Email
    password: Text = Field(max_length=1000)


class AddressBody(Body):
    """The address to send an email to."""

    email: Email


class TokenBody(Body):
    """A token from an email."""

    token: Token


class ProofBody(Body):
    """A token from an email, and proof that its sign-up is the caller's: a session, or one of these fields.

    `new_password` needs only the mailbox as proof. It replaces the password chosen at sign-up, and `name` replaces the
    name.
    """

    token: Token
    password: Text | None = Field(default=None, max_length=1000)
    new_password: NewPassword | None = None
    name: Name | None = None


class NewPasswordBody(Body):
    """A token from an email, and the new password."""

    token: Token
    password: NewPassword
    revoke_api_keys: bool = Field(default=False, description="Also revoke the API keys that the user created.")


class ChangePasswordBody(Body):
    """The current password, and the new one."""

    current: Text = Field(max_length=1000)
    new: NewPassword


class ProfileBody(Body):
    """Changes to a user's profile. Fields that are left out stay unchanged."""

    name: Name | None = None
    locale: Locale | None = None
    default_account_id: Text | None = Field(default=None, max_length=64)


class UserOut(Out):
    """A user as they see themselves."""

    id: str
    email: str
    name: str
    locale: str
    email_verified: bool
    default_account_id: str | None = None


class ProvenOut(Out):
    """The verified address."""

    email: str
    email_verified: bool


class AccountRef(Out):
    """An account by name."""

    id: str
    name: str


class OwnApiKey(Out):
    """An API key that the user created."""

    id: str
    name: str
    account: AccountRef
    role: Role | str
    created_at: datetime
    last_used_at: datetime | None


class ResetOut(Out):
    """The result of a password reset, with up to 100 API keys of the user that remain valid."""

    email: str
    api_keys: list[OwnApiKey] = Field(description="The user's API keys that remain valid.")


class FailedSignInOut(Out):
    """A failed sign-in."""

    id: str
    at: datetime
    origin: str | None = Field(description="The caller's IP address.")


class FailedSignIns(Out):
    """A page of failed sign-ins of the last 30 days, newest first."""

    data: list[FailedSignInOut]
    next_cursor: str | None


class SessionOut(Out):
    """A new session. The token is shown only once."""

    token: str
    expires_at: datetime
    user: UserOut
    landing_account: AccountRef | None


class MyAccount(Out):
    """An account of the current user."""

    account: AccountRef
    membership_id: str
    role: Role | str
    is_default: bool = Field(description="Whether this is where one lands after signing in.")


class MyAccounts(Out):
    """A page of the current user's accounts."""

    data: list[MyAccount]
    next_cursor: str | None


def user_out(user: Any) -> dict[str, Any]:
    """Present a user to themselves."""
    return {
        "id": user.id,
        "email": user.email,
        "name": user.name,
        "locale": user.locale,
        "email_verified": user.email_verified_at is not None,
        "default_account_id": user.default_account_id,
    }
