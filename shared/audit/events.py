"""Everything that the audit log records.

Each event has its words in `web/ui/labels.py`.
"""

from enum import StrEnum


class Action(StrEnum):
    """An event's name, `noun.past`; it never changes once published."""

    ACCESS_REFUSED = "access.refused"
    ACCOUNT_ABUSE_DECIDED = "account.abuse_decided"
    ACCOUNT_ABUSE_HELD = "account.abuse_held"
    ACCOUNT_CHANGED = "account.changed"
    ACCOUNT_CREATED = "account.created"
    ACCOUNT_LIMITS_SET = "account.limits_set"
    API_KEY_CREATED = "api_key.created"
    API_KEY_REVOKED = "api_key.revoked"
    CONTRACT_SET = "contract.set"
    EXCEPTION_ADDED = "exception.added"
    EXCEPTION_REMOVED = "exception.removed"
    INVITATION_ACCEPTED = "invitation.accepted"
    INVITATION_BLOCKED = "invitation.blocked"
    INVITATION_BOUNCED = "invitation.bounced"
    INVITATION_CHECK_FAILED = "invitation.check_failed"
    INVITATION_CHECKED = "invitation.checked"
    INVITATION_COMPLAINED = "invitation.complained"
    INVITATION_CREATED = "invitation.created"
    INVITATION_DECLINED = "invitation.declined"
    INVITATION_DELIVERED = "invitation.delivered"
    INVITATION_DELIVERY_FAILED = "invitation.delivery_failed"
    INVITATION_EXPIRED = "invitation.expired"
    INVITATION_HELD = "invitation.held"
    INVITATION_NEW_REQUESTED = "invitation.new_requested"
    INVITATION_REFUSED = "invitation.refused"
    INVITATION_RELEASED = "invitation.released"
    INVITATION_RESENT = "invitation.resent"
    INVITATION_REVOKED = "invitation.revoked"
    INVITATION_ROLE_CHANGED = "invitation.role_changed"
    INVITATION_SENT = "invitation.sent"
    INVITATION_TAKEN_OVER = "invitation.taken_over"
    JOB_CANCELLED = "job.cancelled"
    JOB_RETRIED = "job.retried"
    MEMBER_JOINED = "member.joined"
    MEMBER_LEFT = "member.left"
    MEMBER_REMOVED = "member.removed"
    MEMBER_ROLE_CHANGED = "member.role_changed"
    USER_ADDRESS_PROVEN = "user.address_proven"
    USER_CHANGED = "user.changed"
    USER_PASSWORD_CHANGED = "user.password_changed"  # noqa: S105 - an event, not a password
    USER_PASSWORD_RESET = "user.password_reset"  # noqa: S105 - an event, not a password
    USER_PASSWORD_RESET_REQUESTED = "user.password_reset_requested"  # noqa: S105 - an event, not a password
    USER_SIGNED_IN = "user.signed_in"
    USER_SIGNED_UP = "user.signed_up"
