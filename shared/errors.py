"""What can stop a caller, as facts with stable codes. Only `web/http/problems.py` knows which status each one answers.

Every error says what happened (`detail`) and what to do about it (`remedy`). Where checks said no, `Refused` carries
their reasons instead, each with its own remedy and who can apply it.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from shared.stored_enum import StoredEnum


class Who(StoredEnum):
    """Who can mend what a reason complains of."""

    INVITER = "inviter"
    ACCOUNT_OWNER = "account_owner"
    OPERATOR = "operator"
    INVITEE = "invitee"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a check did not simply say yes: a stable code, a sentence, the mend, and who can apply it."""

    code: str
    message: str
    remedy: str
    who: Who

    def as_json(self) -> dict[str, str]:
        """The reason as the API and the rows show it."""
        return asdict(self)


class CannotRun(Exception):
    """What keeps a command or a part from its work; the message is for the person who started it."""


class UsherError(Exception):
    """The root of all errors that a caller can meet; `code` never changes once published."""

    code = "internal_error"
    title = "Something went wrong"

    def __init__(self, detail: str, *, remedy: str = "") -> None:
        super().__init__(detail)
        self.detail = detail
        self.remedy = remedy


class Unauthenticated(UsherError):
    """Nobody is signed in, or the credential is unknown, ended or revoked."""

    code = "unauthenticated"
    title = "Sign in first"


class PasswordNeeded(Unauthenticated):
    """The link came to the right mailbox; the secret of what it belongs to is still missing."""

    code = "password_needed"
    title = "Enter your password"


class SignupPasswordWrong(PasswordNeeded):
    """The password is not the one of the sign-up that the link belongs to."""

    code = "signup_password_wrong"
    title = "The password doesn't match"


class PermissionDenied(UsherError):
    """The actor is known and belongs here, and may not do this."""

    code = "permission_denied"
    title = "Your role doesn't allow this"

    def __init__(self, detail: str, *, permission: str | None = None, remedy: str = "") -> None:
        super().__init__(detail, remedy=remedy)
        self.permission = permission


class EmailUnconfirmed(PermissionDenied):
    """The user has not confirmed the email address yet, and this needs it."""

    code = "email_unconfirmed"
    title = "Confirm your email first"


class CredentialNotAllowed(UsherError):
    """The credential is good, and of a kind that may not do this; the remedy names the kind that may."""

    code = "credential_not_allowed"
    title = "Wrong kind of credential"


class Forged(PermissionDenied):
    """The request may have been made by another site in the visitor's name."""

    title = "Please send this form again"


class NotFound(UsherError):
    """There is no such thing, or the caller is a stranger to it: the two look the same."""

    code = "not_found"
    title = "Not found"


class Conflict(UsherError):
    """The thing is no longer in a state in which this can be done; subclasses and `code` say which."""

    title = "Not possible any more"

    def __init__(self, code: str, detail: str, *, remedy: str = "") -> None:
        super().__init__(detail, remedy=remedy)
        self.code = code


class LinkDead(UsherError):
    """The link once worked and doesn't now: expired, spent, revoked or superseded."""

    title = "This link no longer works"

    def __init__(self, code: str, detail: str, *, remedy: str = "") -> None:
        super().__init__(detail, remedy=remedy)
        self.code = code


class LinkInvalid(UsherError):
    """No such link was ever sent."""

    code = "link_invalid"
    title = "This link is not one of ours"


class TooSoon(UsherError):
    """The same thing was done a moment ago; `retry_after` says in how many whole seconds it may be done again."""

    title = "Wait a moment"

    def __init__(self, code: str, detail: str, *, retry_after: int, remedy: str = "") -> None:
        super().__init__(detail, remedy=remedy)
        self.code = code
        self.retry_after = retry_after


class Unreadable(UsherError):
    """The request can't be read at all."""

    code = "validation_failed"
    title = "The request can't be read"


class Invalid(UsherError):
    """The request can't be understood; `errors` names bad fields and what is wrong with each, of `count` in all."""

    code = "validation_failed"
    title = "The request is not valid"

    def __init__(self, errors: Sequence[tuple[str, str]], *, count: int | None = None) -> None:
        super().__init__("Nothing was changed. Each field that has to be mended is named with what is wrong with it.")
        self.errors = list(errors)
        self.count = len(self.errors) if count is None else count


class PasswordCommon(Invalid):
    """The new password is one that guessers try first; `errors` says why it is."""

    code = "password_common"
    title = "Choose another password"

    def __init__(self, why: str, *, field: str = "password") -> None:
        super().__init__([(field, why)])


class Refused(UsherError):
    """The checks said no; `reasons` tells why, how to mend it, and who can."""

    title = "The checks refused this"

    def __init__(self, reasons: Sequence[Reason]) -> None:
        super().__init__(" ".join(reason.message for reason in reasons))
        self.reasons = list(reasons)
        self.code = self.reasons[0].code
        self.remedy = self.reasons[0].remedy


@dataclass(frozen=True, slots=True)
class Quota:
    """One limit: how much it allows in how many seconds (None: at a time), what is left, and in how many seconds it
    renews itself."""

    name: str
    limit: int
    left: int
    window: int | None
    resets_in: int


class LimitReached(Refused):
    """A limit on inviting was reached; `retry_after` says in how many whole seconds it allows more."""

    title = "Invitation limit reached"

    def __init__(self, reasons: Sequence[Reason], *, quotas: tuple[Quota, ...]) -> None:
        super().__init__(reasons)
        self.quotas = quotas
        self.retry_after = max(quota.resets_in for quota in quotas)


class Unavailable(UsherError):
    """A part that this needs is away for the moment; nothing was half done."""

    code = "unavailable"
    title = "Try again in a moment"
