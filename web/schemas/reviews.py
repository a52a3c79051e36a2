"""Reviews of held invitations."""

from typing import Annotated

from pydantic import Field

from web.schemas.base import Body, Text

Why = Annotated[Text, Field(min_length=1, max_length=500, description="The reason, shown in the audit log.")]


class DecisionBody(Body):
    """The reason for approving or rejecting a held invitation."""

    reason: Why
