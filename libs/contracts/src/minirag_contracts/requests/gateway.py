"""What the operator may ask of the gateway."""

from datetime import datetime
from typing import ClassVar

from pydantic import Field

from minirag_contracts.requests.base import Reply, Request


class InviteCreated(Reply):
    """An invite to sign up, for the one time that it is shown."""

    holds_secret: ClassVar[bool] = True

    invite: str = Field(repr=False)
    expires_at: datetime


class CreateInvite(Request):
    """Let somebody sign up, once, in the next ``days``. Only the operator (``system:operator``) may ask this."""

    service: ClassVar[str] = "gateway"
    verb: ClassVar[str] = "invites.create"
    Returns: ClassVar[type[Reply]] = InviteCreated

    days: int = Field(default=7, ge=1, le=365)
