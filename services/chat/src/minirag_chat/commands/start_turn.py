"""Accept a question: from its commit on, it will have an answer or a failure."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from minirag_contracts.context import Context
from minirag_contracts.requests.chat import StartTurn, TurnStarted
from minirag_eventstore import EventStore, Transaction

from minirag_chat.commands.job import TurnJob
from minirag_chat.domain import bot, chat, text, turn
from minirag_chat.errors import BotNotUsable
from minirag_chat.ports import Contents, Models
from minirag_chat.queries.chats import require_chat
from minirag_chat.queries.reach import confine

AddWork = Callable[[Transaction, str, dict[str, Any]], Awaitable[None]]
"""Adds the leased work that runs the turn; started in this process right after the commit."""


class StartTurnCommand:
    """One transaction: the chat if it is new, the question, and the work that answers it."""

    def __init__(self, store: EventStore, contents: Contents, models: Models, add_work: AddWork) -> None:
        self._store = store
        self._contents = contents
        self._models = models
        self._add_work = add_work

    async def __call__(self, request: StartTurn, context: Context) -> TurnStarted:
        """Raises InvalidText, BotNotUsable, ChatNotFound, ModelNotConfigured, ModelUnknown, MessageIdTaken."""
        content = text.checked_message(request.content)

        async def action(transaction: Transaction) -> TurnStarted:
            await confine(transaction.connection, context)
            await self._require_usable_bot(transaction, request.bot_id)
            await self._require_new(transaction, request.message_id)
            chat_id = await self._chat(transaction, context, request, content)
            await self._ask(transaction, context, request, chat_id, content)
            return TurnStarted(
                chat_id=chat_id,
                message_id=request.message_id,
                user_message_id=turn.user_message_id(request.message_id),
            )

        return await self._store.execute(context, request, action)

    async def _require_usable_bot(self, transaction: Transaction, bot_id: UUID) -> None:
        state, _ = await transaction.load(bot.stream_of(bot_id), bot.evolve, bot.Bot())
        if state.settings is None or not state.is_active:
            raise BotNotUsable
        self._models.choose(state.settings.model, has_credentials=state.settings.has_credentials)

    async def _require_new(self, transaction: Transaction, message_id: UUID) -> None:
        state, _ = await transaction.load(turn.stream_of(message_id), turn.evolve, turn.Turn())
        turn.require_absent(state)

    async def _chat(
        self, transaction: Transaction, context: Context, request: StartTurn, content: str
    ) -> UUID:
        if request.chat_id is not None:
            await require_chat(transaction.connection, request.chat_id)
            state, _ = await transaction.load(chat.stream_of(request.chat_id), chat.evolve, chat.Chat())
            chat.continue_with(state, request.bot_id)
            return request.chat_id
        chat_id = turn.chat_id_for(transaction.scope.tenant_id, request.message_id)
        await transaction.append(context, chat.stream_of(chat_id), 0, chat.start(chat_id, request.bot_id))
        await self._contents.add_title(
            transaction.connection, transaction.scope, chat_id, text.title_of(content)
        )
        return chat_id

    async def _ask(
        self, transaction: Transaction, context: Context, request: StartTurn, chat_id: UUID, content: str
    ) -> None:
        content_hash = await self._contents.add_message(
            transaction.connection, transaction.scope, turn.user_message_id(request.message_id), content
        )
        events = turn.create(
            message_id=request.message_id,
            chat_id=chat_id,
            bot_id=request.bot_id,
            content_hash=content_hash,
            stream=request.stream,
        )
        created = await transaction.append(context, turn.stream_of(request.message_id), 0, events)
        job = TurnJob(
            message_id=request.message_id,
            chat_id=chat_id,
            bot_id=request.bot_id,
            first=request.chat_id is None,
            caused_by=created[-1].event_id,
            correlation_id=created[-1].metadata.correlation_id,
            traceparent=created[-1].metadata.traceparent,
        )
        await self._add_work(transaction, str(request.message_id), job.to_json())
