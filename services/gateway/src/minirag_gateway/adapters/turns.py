"""Turns over the bus: frames by subscription, truth by request."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from uuid import UUID

from minirag_contracts.context import Context, TenantScope
from minirag_contracts.frames import Frame
from minirag_contracts.requests.chat import GetTurn, TurnRead
from minirag_messaging import Bus

from minirag_gateway.ports import FrameFeed


class BusTurns:
    """``Turns`` over NATS."""

    def __init__(self, bus: Bus, timeout: float) -> None:
        self._bus = bus
        self._timeout = timeout

    def live(self, scope: TenantScope, message_id: UUID) -> AbstractAsyncContextManager[FrameFeed]:
        """See the port."""
        return self._bus.frames(scope, message_id)

    async def stored(self, scope: TenantScope, message_id: UUID, after: int) -> Sequence[Frame]:
        """See the port."""
        return await self._bus.stored_frames(scope, message_id, after)

    async def state(self, context: Context, chat_id: UUID, message_id: UUID) -> TurnRead:
        """See the port."""
        request = GetTurn(chat_id=chat_id, message_id=message_id)
        return await self._bus.request(request, TurnRead, context, timeout=self._timeout)
