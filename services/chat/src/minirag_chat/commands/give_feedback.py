"""Judge an answer."""

from minirag_contracts.context import Context
from minirag_contracts.requests.chat import GiveFeedback, MessageRead
from minirag_eventstore import EventStore, Transaction

from minirag_chat.domain import turn
from minirag_chat.errors import FeedbackOnQuestion, MessageNotFound
from minirag_chat.queries.chats import require_chat
from minirag_chat.queries.messages import answer_of, turn_row
from minirag_chat.queries.reach import confine


class GiveFeedbackCommand:
    """A thumb up or down on an answer, or its withdrawal."""

    def __init__(self, store: EventStore) -> None:
        self._store = store

    async def __call__(self, request: GiveFeedback, context: Context) -> MessageRead:
        """Raises ChatNotFound, MessageNotFound, FeedbackOnQuestion, FeedbackTooEarly."""

        async def action(transaction: Transaction) -> MessageRead:
            await confine(transaction.connection, context)
            await require_chat(transaction.connection, request.chat_id)
            stream = turn.stream_of(request.message_id)
            state, version = await transaction.load(stream, turn.evolve, turn.Turn())
            if state.created is None:
                await self._refuse(transaction, request)
            events = turn.give_feedback(state, request.chat_id, request.feedback)
            await transaction.append(context, stream, version, events)
            return answer_of(await turn_row(transaction.connection, request.chat_id, request.message_id))

        return await self._store.execute(context, request, action)

    async def _refuse(self, transaction: Transaction, request: GiveFeedback) -> None:
        """There is no such answer: say what there is instead."""
        is_question = await transaction.connection.fetchval(
            "SELECT true FROM turns WHERE user_message_id = $1 AND chat_id = $2",
            request.message_id,
            request.chat_id,
        )
        raise FeedbackOnQuestion if is_question else MessageNotFound
