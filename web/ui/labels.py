"""Labels of codes: statuses, events, roles, permissions, job states."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.checks import lookalikes
from shared.invitations.create import CreatedInvitation
from shared.models import Delivery, Invitation, JobKind, JobState, Status
from shared.permissions import RESOURCES, Role, permissions_of
from shared.policy import Effect, Subject
from web.ui.i18n import N_, translated


@dataclass(frozen=True, slots=True)
class StatusLabel:
    """The label of an invitation's status. `tone` is its color; `moving` means that it will soon change by itself."""

    word: str
    tone: str = "secondary"
    moving: bool = False


_STATUSES = {
    Status.CHECKING: StatusLabel(N_("checking"), moving=True),
    Status.HELD: StatusLabel(N_("held"), "warning"),
    Status.ACCEPTED: StatusLabel(N_("accepted"), "success"),
    Status.DECLINED: StatusLabel(N_("declined"), "warning"),
    Status.REVOKED: StatusLabel(N_("revoked")),
    Status.EXPIRED: StatusLabel(N_("expired"), "warning"),
    Status.BLOCKED: StatusLabel(N_("blocked"), "danger"),
}
_DELIVERIES = {
    Delivery.NONE: StatusLabel(N_("to be sent"), moving=True),
    Delivery.QUEUED: StatusLabel(N_("sending"), moving=True),
    Delivery.SENT: StatusLabel(N_("sent")),
    Delivery.DELIVERED: StatusLabel(N_("delivered"), "success"),
    Delivery.BOUNCED: StatusLabel(N_("bounced"), "danger"),
    Delivery.COMPLAINED: StatusLabel(N_("reported as unwanted"), "danger"),
    Delivery.FAILED: StatusLabel(N_("not delivered"), "danger"),
    Delivery.SUPPRESSED: StatusLabel(N_("address suppressed"), "danger"),
}
_CHECK_FAILED = StatusLabel(N_("could not be checked"), "danger")

STATES: dict[str, str] = {
    "members": N_("Members"),
    **{status: standing.word.capitalize() for status, standing in _STATUSES.items()},
}
"""The states that the team list can be filtered by."""

_ROLES = {
    Role.OWNER: N_("owner"),
    Role.ADMIN: N_("admin"),
    Role.DEVELOPER: N_("developer"),
    Role.FINANCE_ANALYST: N_("finance analyst"),
    Role.SUPPORT: N_("support"),
}

_EVENTS = {
    "access.refused": N_("Access was refused"),
    "account.abuse_decided": N_("The operator decided about abuse reports"),
    "account.abuse_held": N_("New invitations were put on hold after abuse reports"),
    "account.changed": N_("The account was changed"),
    "account.created": N_("The account was made"),
    "account.limits_set": N_("The operator changed the invitation limits"),
    "api_key.created": N_("An API key was made"),
    "api_key.revoked": N_("An API key was revoked"),
    "contract.set": N_("The contract was set"),
    "exception.added": N_("An exception was added"),
    "exception.removed": N_("An exception was removed"),
    "invitation.accepted": N_("Accepted"),
    "invitation.blocked": N_("Blocked by the checks"),
    "invitation.bounced": N_("The mail came back"),
    "invitation.check_failed": N_("The checks failed"),
    "invitation.checked": N_("Checked"),
    "invitation.created": N_("Invited"),
    "invitation.complained": N_("The reader complained of the mail"),
    "invitation.declined": N_("Declined"),
    "invitation.delivered": N_("The mail arrived"),
    "invitation.delivery_failed": N_("The mail could not be delivered"),
    "invitation.expired": N_("Expired"),
    "invitation.held": N_("Held for somebody to decide"),
    "invitation.new_requested": N_("A new link was asked for"),
    "invitation.refused": N_("Refused"),
    "invitation.released": N_("Released"),
    "invitation.resent": N_("Sent again"),
    "invitation.revoked": N_("Revoked"),
    "invitation.role_changed": N_("The role was changed"),
    "invitation.sent": N_("The mail was sent"),
    "invitation.taken_over": N_("Somebody else answers for it now"),
    "job.cancelled": N_("A job was cancelled"),
    "job.retried": N_("A job was retried"),
    "member.joined": N_("A member joined"),
    "member.left": N_("A member left"),
    "member.removed": N_("A member was removed"),
    "member.role_changed": N_("The role was changed"),
    "user.address_proven": N_("An email address was confirmed"),
    "user.changed": N_("A profile was changed"),
    "user.password_changed": N_("A password was changed"),
    "user.password_reset": N_("A password was reset"),
    "user.password_reset_requested": N_("A password reset was requested"),
    "user.signed_in": N_("Someone signed in"),
    "user.signed_up": N_("Someone signed up"),
}
NOUNS = {
    "invitation": N_("Invitations"),
    "member": N_("Members"),
    "api_key": N_("API keys"),
    "account": N_("The account"),
    "contract": N_("The contract"),
    "exception": N_("Exceptions"),
    "access": N_("Refused access"),
}
"""The nouns that the audit log can be filtered by."""

EFFECTS = {
    Effect.BLOCK: N_("never invite"),
    Effect.ONLY: N_("invite nobody but"),
    Effect.ALLOW: N_("always allowed"),
}
"""The effects of exceptions."""

SUBJECTS = {Subject.DOMAIN: N_("domain"), Subject.ADDRESS: N_("address"), Subject.NETWORK: N_("network")}
"""The subjects of exceptions."""

JOB_STATES: dict[str, str] = {
    JobState.QUEUED: N_("waiting"),
    JobState.RUNNING: N_("running"),
    JobState.DONE: N_("done"),
    JobState.DEAD: N_("dead"),
    JobState.CANCELLED: N_("cancelled"),
}
JOB_KINDS: dict[str, str] = {
    JobKind.INVITATION_CHECK: N_("Check an invitation"),
    JobKind.INVITATION_MAIL: N_("Mail an invitation"),
    JobKind.VERIFICATION_MAIL: N_("Mail a link that proves an address"),
    JobKind.PASSWORD_RESET_MAIL: N_("Mail a link that sets a password"),
    JobKind.SIGNUP_NOTICE_MAIL: N_("Tell an owner that somebody signed up with their address"),
    JobKind.NEW_LINK_MAIL: N_("Tell an inviter that a new link is wanted"),
}

_ACTORS = {
    "user": N_("a person"),
    "api_key": N_("an API key"),
    "operator": N_("the operator"),
    "system": N_("Usher"),
    "anyone": N_("whoever had the link"),
}
_WHO = {
    "inviter": N_("Whoever invites can mend this."),
    "account_owner": N_("The owner of the account can mend this."),
    "operator": N_("The operator can mend this."),
    "invitee": N_("Whoever is invited can mend this."),
}
_EDITS, _VIEWS = N_("view and edit %(what)s"), N_("view %(what)s")


def status_of(invitation: Invitation | CreatedInvitation) -> StatusLabel:
    """Return the label of an invitation's status, including the delivery of its email."""
    status, delivery = Status.from_row(invitation.status), Delivery.from_row(invitation.delivery)
    if status is Status.CHECKING and delivery is Delivery.FAILED:
        return _CHECK_FAILED
    known = _DELIVERIES.get(delivery) if status is Status.PENDING else _STATUSES.get(status)
    return known or StatusLabel(delivery if status is Status.PENDING else status)


def _in_words(words: Mapping[Any, str], code: str) -> str:
    """The words for a code; the code itself where a newer release wrote it."""
    return translated(words[code]) if code in words else code


def version(invitation: Invitation | CreatedInvitation) -> str:
    """Return a version of the row's content, which differs once anything shown has changed."""
    return f"{invitation.status}-{invitation.delivery}-{invitation.role}-{invitation.generation}"


def role(name: str) -> str:
    """Return the label of a role."""
    return _in_words(_ROLES, name)


def event(action: str) -> str:
    """Return the label of an event; its code if it has none."""
    return _in_words(_EVENTS, action)


def actor(who: Mapping[str, Any], names: Mapping[str, str]) -> str:
    """Return the actor's name, or their kind if they have none. For an API key it is the name of its creator."""
    kind = _in_words(_ACTORS, who["kind"])
    named = names.get(str(who.get("user_id") or who.get("id")))
    if named is None:
        return kind
    return f"{named} ({kind})" if who["kind"] == "api_key" else named


def fixer(who: str) -> str:
    """Return the sentence that says who can fix a reason."""
    return _in_words(_WHO, who)


def rights(name: str) -> list[str]:
    """Return a role's permissions, one phrase per resource."""
    highest = {resource: _highest(name, resource) for resource in RESOURCES}
    return [
        translated(_EDITS if highest[resource] == "edit" else _VIEWS) % {"what": translated(what)}
        for resource, what in RESOURCES.items()
        if highest[resource]
    ]


def summary(name: str) -> str:
    """Return a role's permissions on one line: first those to edit, then those only to view."""
    parts = []
    for action, words in (("edit", _EDITS), ("view", _VIEWS)):
        what = [translated(thing) for resource, thing in RESOURCES.items() if _highest(name, resource) == action]
        if what:
            parts.append(translated(words) % {"what": ", ".join(what)})
    return "; ".join(parts)


def reasons(checks: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the reasons of all checks that did not pass."""
    return [reason for check in checks if check["verdict"] != "allow" for reason in check["reasons"]]


def _highest(role: str, resource: str) -> str:
    """Return the role's highest action on a resource: edit, view, or nothing."""
    granted = permissions_of(Role.from_row(role))
    return next((action for action in ("edit", "view") if f"{resource}:{action}" in granted), "")


def other_spelling(email: str) -> str:
    """Return the other spelling of an address's domain; empty if there is none."""
    return lookalikes.other_spelling(email.rpartition("@")[2]) or ""
