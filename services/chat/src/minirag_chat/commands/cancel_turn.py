"""Stop an answer that is being written."""

from minirag_contracts.context import Context
from minirag_contracts.requests.chat import CancelTurn, TurnRead
from minirag_contracts.signals import StopAnswer, stop_subject
from minirag_eventstore import EventStore, Transaction

from minirag_chat.domain import turn
from minirag_chat.ports import Signals
from minirag_chat.queries.chats import require_chat
from minirag_chat.queries.messages import turn_of, turn_row
from minirag_chat.queries.reach import confine


class CancelTurnCommand:
    """Records that no more is wanted, then tells whichever process writes it.

    What is recorded outlives that process: whoever takes the turn over ends it at once.
    """

    def __init__(self, store: EventStore, signals: Signals) -> None:
        self._store = store
        self._signals = signals

    async def __call__(self, request: CancelTurn, context: Context) -> TurnRead:
        """Raises ChatNotFound or MessageNotFound."""

        async def action(transaction: Transaction) -> TurnRead:
            await confine(transaction.connection, context)
            await require_chat(transaction.connection, request.chat_id)
            stream = turn.stream_of(request.message_id)
            state, version = await transaction.load(stream, turn.evolve, turn.Turn())
            await transaction.append(context, stream, version, turn.request_stop(state, request.chat_id))
            return turn_of(await turn_row(transaction.connection, request.chat_id, request.message_id))

        asked = await self._store.execute(context, request, action)
        if asked.state == "running":
            await self._signals.signal(
                stop_subject(request.message_id), StopAnswer(message_id=request.message_id)
            )
        return asked
