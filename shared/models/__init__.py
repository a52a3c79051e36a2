"""The database models, one file per subject. Importing this package registers the whole schema in `Base.metadata`."""

from shared.db.base import Base
from shared.models.abuse_report import AbuseDecision, AbuseReport
from shared.models.account import Account, LapsedContract
from shared.models.api_key import ApiKey
from shared.models.audit_archive import AuditArchive
from shared.models.audit_event import AuditEvent
from shared.models.audit_seal import AuditChain, AuditSeal, AuditSealing
from shared.models.billing_answer import BillingAnswer
from shared.models.contract import Contract
from shared.models.failed_sign_in import FailedSignIn
from shared.models.heartbeat import Heartbeat, Part
from shared.models.idempotency_key import IdempotencyKey
from shared.models.invitation import OPEN, Delivery, Invitation, Status
from shared.models.invitation_usage import InvitationUsage, InvitedDomain, InvitedRecipient
from shared.models.job import Job, JobKind, JobState
from shared.models.mail_domain import MailDomain
from shared.models.membership import Membership
from shared.models.network_list import NetworkList
from shared.models.operator_session import OperatorSession
from shared.models.pause import ALL_MAIL, Pause
from shared.models.policy_exception import PolicyException
from shared.models.signup import Signup, SignupSession
from shared.models.superseded_link import SupersededLink
from shared.models.suppression import Suppression
from shared.models.throttle import Throttle
from shared.models.user import User
from shared.models.user_session import UserSession

__all__ = [
    "ALL_MAIL",
    "OPEN",
    "AbuseDecision",
    "AbuseReport",
    "Account",
    "ApiKey",
    "AuditArchive",
    "AuditChain",
    "AuditEvent",
    "AuditSeal",
    "AuditSealing",
    "Base",
    "BillingAnswer",
    "Contract",
    "Delivery",
    "FailedSignIn",
    "Heartbeat",
    "IdempotencyKey",
    "Invitation",
    "InvitationUsage",
    "InvitedDomain",
    "InvitedRecipient",
    "Job",
    "JobKind",
    "JobState",
    "LapsedContract",
    "MailDomain",
    "Membership",
    "NetworkList",
    "OperatorSession",
    "Part",
    "Pause",
    "PolicyException",
    "Signup",
    "SignupSession",
    "Status",
    "SupersededLink",
    "Suppression",
    "Throttle",
    "User",
    "UserSession",
]
