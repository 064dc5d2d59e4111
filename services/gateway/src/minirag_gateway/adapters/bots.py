"""What chat knows of bots, over the bus."""

from uuid import UUID

from minirag_contracts.context import Context
from minirag_contracts.requests.bots import BotFace, GetBotFace, IdentifyVisitor, VisitorIdentified
from minirag_messaging import Bus


class BusBots:
    """``Bots`` over NATS."""

    def __init__(self, bus: Bus, timeout: float) -> None:
        self._bus = bus
        self._timeout = timeout

    async def face(self, context: Context, bot_id: UUID) -> BotFace:
        """See the port."""
        return await self._bus.request(GetBotFace(bot_id=bot_id), BotFace, context, timeout=self._timeout)

    async def identify(self, context: Context, bot_id: UUID, identity: str) -> UUID:
        """See the port."""
        request = IdentifyVisitor(bot_id=bot_id, identity=identity)
        reply = await self._bus.request(request, VisitorIdentified, context, timeout=self._timeout)
        return reply.visitor_id
