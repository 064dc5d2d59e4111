"""Configure a bot anew, or let it answer no more."""

from minirag_contracts.context import Context
from minirag_contracts.requests import Done
from minirag_contracts.requests.bots import BotChanges, DeactivateBot, UpdateBot
from minirag_contracts.requests.chat import BotRead
from minirag_eventstore import EventStore, Transaction

from minirag_chat.domain import bot
from minirag_chat.ports import Models, Secrets
from minirag_chat.queries.bots import read_bot


class UpdateBotCommand:
    """The fields that are named, and the secrets beside them, in one transaction."""

    def __init__(self, store: EventStore, secrets: Secrets, models: Models) -> None:
        self._store = store
        self._secrets = secrets
        self._models = models

    async def __call__(self, request: UpdateBot, context: Context) -> BotRead:
        """Raises BotNotFound, InvalidRequest or ModelUnknown; a request that changes nothing leaves no event."""

        async def action(transaction: Transaction) -> BotRead:
            stream = bot.stream_of(request.bot_id)
            state, version = await transaction.load(stream, bot.evolve, bot.Bot())
            differ = await self._secrets_differ(transaction, request)
            events = bot.update(state, request.changes, secrets_differ=differ)
            await transaction.append(context, stream, version, events)
            if differ:
                await self._keep_secrets(transaction, request)
            updated = await read_bot(transaction.connection, request.bot_id)
            transaction.after_commit(
                lambda: self._models.warm(updated.model, has_credentials=updated.has_credentials)
            )
            return updated

        return await self._store.execute(context, request, action)

    async def _secrets_differ(self, transaction: Transaction, request: UpdateBot) -> bool:
        changes, connection = request.changes, transaction.connection
        differ = False
        if "credentials" in changes.model_fields_set:
            differ = _key(changes) != await self._secrets.credentials(connection, request.bot_id)
        if "identity_secret" in changes.model_fields_set:
            stored = await self._secrets.identity_secret(connection, request.bot_id)
            differ = differ or changes.identity_secret != stored
        return differ

    async def _keep_secrets(self, transaction: Transaction, request: UpdateBot) -> None:
        changes, place = request.changes, (transaction.connection, transaction.scope, request.bot_id)
        if "credentials" in changes.model_fields_set:
            await self._secrets.set_credentials(*place, _key(changes))
        if "identity_secret" in changes.model_fields_set:
            await self._secrets.set_identity_secret(*place, changes.identity_secret)


class DeactivateBotCommand:
    """What DELETE means for a bot: it answers no more, and can still be read."""

    def __init__(self, store: EventStore) -> None:
        self._store = store

    async def __call__(self, request: DeactivateBot, context: Context) -> Done:
        """Raises BotNotFound."""

        async def action(transaction: Transaction) -> Done:
            stream = bot.stream_of(request.bot_id)
            state, version = await transaction.load(stream, bot.evolve, bot.Bot())
            await transaction.append(context, stream, version, bot.deactivate(state))
            return Done()

        return await self._store.execute(context, request, action)


def _key(changes: BotChanges) -> str | None:
    return changes.credentials.api_key if changes.credentials else None
