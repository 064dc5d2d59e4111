"""Which bots are active: our projection of chat's events, and chat itself for what it may not have told us of yet."""

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

    async def is_active(self, context: Context, bot_id: UUID) -> bool:
        """Whether it is an active bot of the context's tenant; a bot that came, or came back, a moment ago is one."""
        async with self._store.transaction(context.scope) as tx:
            if await tx.connection.fetchval("SELECT is_active FROM known_bots WHERE bot_id = $1", bot_id):
                return True
        try:
            bot = await self._bus.request(GetBot(bot_id=bot_id), BotRead, context)
        except RemoteRefusal as refusal:
            if refusal.code == "not_found":
                return False
            raise
        return bot.is_active
