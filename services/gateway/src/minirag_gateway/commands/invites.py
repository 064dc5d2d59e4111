"""Invites, which the operator makes and one sign-up each uses."""

import hashlib
import secrets
from datetime import UTC, datetime, timedelta

from minirag_contracts.context import Context
from minirag_contracts.requests.gateway import CreateInvite, InviteCreated

from minirag_gateway.domain.access import require_operator
from minirag_gateway.ports import Invites

INVITE_BYTES = 24
"""Randomness of an invite; URL-safe base64 makes 32 characters of it."""


def hashed(invite: str) -> str:
    """What is stored of an invite: SHA-256, as hex."""
    return hashlib.sha256(invite.encode()).hexdigest()


class InviteCommands:
    """Making invites."""

    def __init__(self, invites: Invites) -> None:
        self._invites = invites

    async def create(self, request: CreateInvite, context: Context) -> InviteCreated:
        """A new invite, told this once; NotTheOperator for anybody else."""
        require_operator(context)
        invite = secrets.token_urlsafe(INVITE_BYTES)
        expires_at = datetime.now(UTC) + timedelta(days=request.days)
        await self._invites.add(hashed(invite), expires_at)
        return InviteCreated(invite=invite, expires_at=expires_at)
