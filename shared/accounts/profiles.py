"""User profiles: name, language and default account."""

from sqlalchemy.orm import Session

from shared.accounts import memberships
from shared.actor import Actor
from shared.audit import log as audit_log
from shared.audit.events import Action
from shared.errors import NotFound
from shared.models import Signup, User


def change_profile(session: Session, *, actor: Actor, user_id: str, changes: dict[str, str | None]) -> User | Signup:
    """Change a profile. `changes` may have `name`, `locale` and `default_account_id` (an account of theirs, or None).

    Raises `NotFound` for an account that the user doesn't belong to.
    """
    landing = changes.get("default_account_id")
    if landing is not None and memberships.role_of(session, account_id=landing, user_id=user_id) is None:
        raise NotFound("You don't belong to that account. Nothing was changed.", remedy="Choose one of your own.")
    person = session.get(User, user_id) or session.get_one(Signup, user_id)
    # None clears the default account. Other fields can't be empty, so None leaves them unchanged.
    for field, value in changes.items():
        if value is not None or (field == "default_account_id" and isinstance(person, User)):
            setattr(person, field, value)
    audit_log.record(session, actor, Action.USER_CHANGED, subject_id=person.id, fields=sorted(changes))
    return person
