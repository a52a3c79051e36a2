"""`Prefer: wait=N` (RFC 7240): answer once an invitation's checks are done, or the time is up."""

import re
import time
from collections.abc import Callable
from functools import wraps
from threading import BoundedSemaphore
from typing import Any

from flask import Response, current_app, request

from shared.invitations import manage
from shared.models import Status
from web.database import transaction
from web.schemas.invitations import InvitationOut, invitation_out

LONGEST = 10.0
"""The longest wait, in seconds."""

_EVERY = 0.02
# Each waiting call occupies a thread. Most threads stay free, and a call that gets no slot is answered at once.
_places = BoundedSemaphore(3)


def prefer_wait(view: Callable[..., Any]) -> Callable[..., Any]:
    """Make the call wait for the checks if the caller prefers that."""

    @wraps(view)
    def patient(account_id: str, **path: Any) -> Any:
        answer = current_app.make_response(view(account_id=account_id, **path))
        seconds = _preferred()
        if seconds and answer.status_code == 202 and _places.acquire(blocking=False):
            try:
                _wait(answer, account_id, seconds)
            finally:
                _places.release()
        return answer

    return patient


def _wait(answer: Response, account_id: str, seconds: float) -> None:
    invitation_id = answer.headers["Location"].rpartition("/")[2]
    deadline = time.monotonic() + seconds
    while True:
        with transaction() as session:
            invitation = manage.get(session, account_id=account_id, invitation_id=invitation_id)
        if invitation.status != Status.CHECKING or time.monotonic() >= deadline:
            break
        time.sleep(_EVERY)
    answer.set_data(InvitationOut.model_validate(invitation_out(invitation)).model_dump_json())
    answer.headers["Preference-Applied"] = f"wait={seconds:g}"


def _preferred() -> float:
    found = re.search(r"(?:^|[,;\s])wait\s*=\s*\"?(\d{1,6})\"?(?:$|[,;\s])", request.headers.get("Prefer", ""))
    return min(float(found[1]), LONGEST) if found else 0.0
