"""Make a bot profile."""

from minirag_contracts.context import Context
from minirag_contracts.ids import derived_id, new_id
from minirag_contracts.requests.chat import BotRead, CreateBot
from minirag_eventstore import EventStore, Transaction

from minirag_chat.domain import bot
from minirag_chat.ports import Models, Secrets
from minirag_chat.queries.bots import read_bot


class CreateBotCommand:
    """A new bot, with its secrets sealed beside it."""

    def __init__(self, store: EventStore, secrets: Secrets, models: Models, default_model: str) -> None:
        self._store = store
        self._secrets = secrets
        self._models = models
        self._default_model = default_model

    async def __call__(self, request: CreateBot, context: Context) -> BotRead:
        """Raises InvalidRequest or ModelUnknown."""
        tenant_id = context.scope.tenant_id
        bot_id = derived_id("bot", tenant_id, context.command_id) if context.command_id else new_id()
        events = bot.create(bot_id, request, self._default_model)

        async def action(transaction: Transaction) -> BotRead:
            await transaction.append(context, bot.stream_of(bot_id), 0, events)
            place = (transaction.connection, transaction.scope, bot_id)
            if request.credentials is not None:
                await self._secrets.set_credentials(*place, request.credentials.api_key)
            if request.identity_secret is not None:
                await self._secrets.set_identity_secret(*place, request.identity_secret)
            created = await read_bot(transaction.connection, bot_id)
            transaction.after_commit(
                lambda: self._models.warm(created.model, has_credentials=created.has_credentials)
            )
            return created

        return await self._store.execute(context, request, action)
