"""Which bots exist: our projection of chat's events, and chat itself for a bot that it has not told us of yet."""

from uuid import UUID

from minirag_contracts.context import Context
from minirag_contracts.errors import RemoteRefusal
from minirag_contracts.requests.chat import BotRead, GetBot
from minirag_eventstore import EventStore
from minirag_messaging import Bus


class KnownBots:
    """The port Bots."""

    def __init__(self, store: EventStore, bus: Bus) -> None:
        self._store = store
        self._bus = bus

    async def exists(self, context: Context, bot_id: UUID) -> bool:
        """Whether it is a bot of the context's tenant."""
        async with self._store.transaction(context.scope) as tx:
            if await tx.connection.fetchval("SELECT true FROM known_bots WHERE bot_id = $1", bot_id):
                return True
        try:
            await self._bus.request(GetBot(bot_id=bot_id), BotRead, context)
        except RemoteRefusal as refusal:
            if refusal.code == "not_found":
                return False
            raise
        return True
