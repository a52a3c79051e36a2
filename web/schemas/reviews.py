"""Decisions about held invitations."""

from typing import Annotated

from pydantic import Field

from web.schemas.base import Body, Text

Why = Annotated[Text, Field(min_length=1, max_length=500, description="Why, for whoever reads it later.")]


class DecisionBody(Body):
    """Why a held invitation is released or refused."""

    reason: Why
