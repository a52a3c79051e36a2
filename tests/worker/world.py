"""Alice's account, and helpers for the workers' tests."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from shared.actor import Actor, ActorKind
from shared.db.transaction import transaction
from shared.invitations.create import CreatedInvitation, InvitationRequest, invite_all
from shared.models import Account, AuditEvent, Invitation, Job, JobKind, User
from shared.permissions import Role
from shared.policy_context import PolicyContext


@dataclass(frozen=True)
class World:
    """Alice owns Acme, which has a contract. She invites, and tests look at the results."""

    sessions: sessionmaker[Session]
    rules: PolicyContext
    alice: User
    account: Account

    def invite(self, email: str = "bob@corp.example", *, message: str | None = None) -> CreatedInvitation:
        return self.invite_many(email, message=message)[0]

    def invite_many(self, *emails: str, message: str | None = None) -> list[CreatedInvitation]:
        actor = Actor(ActorKind.USER, id=self.alice.id, user_id=self.alice.id, roles=(Role.OWNER,))
        with transaction(self.sessions) as session:
            requests = [InvitationRequest(email, Role.DEVELOPER, message) for email in emails]
            made = invite_all(session, actor=actor, policy=self.rules, account_id=self.account.id, requests=requests)
            return [outcome for outcome in made if isinstance(outcome, CreatedInvitation)]

    def jobs(self, kind: JobKind | None = None) -> list[Job]:
        with self.sessions() as session:
            query = select(Job).order_by(Job.id)
            return list(session.scalars(query if kind is None else query.where(Job.kind == kind)))

    def job_ids(self, kind: JobKind) -> list[str]:
        return [job.id for job in self.jobs(kind)]

    def again(self, invitation: CreatedInvitation | Invitation) -> Invitation:
        """The invitation as it is now."""
        with self.sessions() as session:
            return session.get_one(Invitation, invitation.id)

    def actions(self, invitation: CreatedInvitation | Invitation) -> list[str]:
        return [event.action for event in self.events(invitation)]

    def events(self, invitation: CreatedInvitation | Invitation) -> list[AuditEvent]:
        with self.sessions() as session:
            query = select(AuditEvent).where(AuditEvent.subject_id == invitation.id).order_by(AuditEvent.seq)
            return list(session.scalars(query))
