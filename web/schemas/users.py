"""People: signing up and in, their profile, their accounts."""

from datetime import datetime
from typing import Any

from pydantic import Field

from shared.permissions import Role
from web.schemas.base import Body, Email, Locale, Name, NewPassword, Out, Text, Token


class SignUpBody(Body):
    """Somebody who signs up."""

    email: Email
    name: Name
    password: NewPassword
    locale: Locale = "en"


class SignInBody(Body):
    """Somebody who signs in."""

    email: Email
    password: Text = Field(max_length=1000)


class AddressBody(Body):
    """An address that a mail is asked for."""

    email: Email


class TokenBody(Body):
    """A token from a mail."""

    token: Token


class ProofBody(Body):
    """A token from an email, and what shows that the sign-up it belongs to is one's own: a session, or one of these.

    `new_password` proves by the mailbox alone: it replaces what was chosen at sign-up, and so does `name`.
    """

    token: Token
    password: Text | None = Field(default=None, max_length=1000)
    new_password: NewPassword | None = None
    name: Name | None = None


class NewPasswordBody(Body):
    """A token from a mail, and the new password."""

    token: Token
    password: NewPassword
    revoke_api_keys: bool = Field(default=False, description="Whether to revoke the API keys that the person made.")


class ChangePasswordBody(Body):
    """The present password, and the one to use from now on."""

    current: Text = Field(max_length=1000)
    new: NewPassword


class ProfileBody(Body):
    """What a person changes of themselves; fields that are left out stay."""

    name: Name | None = None
    locale: Locale | None = None
    default_account_id: Text | None = Field(default=None, max_length=64)


class UserOut(Out):
    """A person as they see themselves."""

    id: str
    email: str
    name: str
    locale: str
    email_verified: bool
    default_account_id: str | None = None


class ProvenOut(Out):
    """The address that is proven now."""

    email: str
    email_verified: bool


class AccountRef(Out):
    """An account by name."""

    id: str
    name: str


class OwnApiKey(Out):
    """An API key that the person made."""

    id: str
    name: str
    account: AccountRef
    role: Role | str
    created_at: datetime
    last_used_at: datetime | None


class ResetOut(Out):
    """What a new password has ended, and what lives on: the person's API keys, up to 100."""

    email: str
    api_keys: list[OwnApiKey] = Field(description="The live API keys that the person made.")


class FailedSignInOut(Out):
    """A sign-in that failed."""

    id: str
    at: datetime
    origin: str | None = Field(description="The IP address that it came from.")


class FailedSignIns(Out):
    """Failed sign-ins of the last 30 days, the newest first, a page at a time."""

    data: list[FailedSignInOut]
    next_cursor: str | None


class SessionOut(Out):
    """A sign-in; the token is shown this once."""

    token: str
    expires_at: datetime
    user: UserOut
    landing_account: AccountRef | None


class MyAccount(Out):
    """One of my accounts."""

    account: AccountRef
    membership_id: str
    role: Role | str
    is_default: bool = Field(description="Whether this is where one lands after signing in.")


class MyAccounts(Out):
    """My accounts, a page at a time."""

    data: list[MyAccount]
    next_cursor: str | None


def user_out(user: Any) -> dict[str, Any]:
    """A user's row as they see themselves."""
    return {
        "id": user.id,
        "email": user.email,
        "name": user.name,
        "locale": user.locale,
        "email_verified": user.email_verified_at is not None,
        "default_account_id": user.default_account_id,
    }
