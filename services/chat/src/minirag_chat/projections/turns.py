"""The turns: state, figures and judgement of each question and its answer."""

from typing import Any, ClassVar

from minirag_contracts.envelope import Envelope
from minirag_contracts.events.chat import (
    FeedbackGiven,
    MessageCompleted,
    MessageCreated,
    MessageFailed,
    StopRequested,
)
from minirag_eventstore import Projection, on


class Turns(Projection):
    """One row for each turn, named after the message that answers."""

    name: ClassVar[str] = "turns"
    tables: ClassVar[tuple[str, ...]] = ("turns",)
    owner: ClassVar[str] = "chat"
    patterns: ClassVar[tuple[str, ...]] = (
        "chat.message.created",
        "chat.message.completed",
        "chat.message.failed",
        "chat.stop.requested",
        "chat.feedback.given",
    )

    @on(MessageCreated)
    async def created(self, connection: Any, event: Envelope, payload: MessageCreated) -> None:
        """The question is there, the answer is being written."""
        await connection.execute(
            """INSERT INTO turns (tenant_id, message_id, chat_id, bot_id, user_message_id, state, stream, created_at)
               VALUES ($1, $2, $3, $4, $5, 'running', $6, $7)""",
            event.tenant_id,
            payload.message_id,
            payload.chat_id,
            payload.bot_id,
            payload.user_message_id,
            payload.stream,
            event.recorded_at,
        )

    @on(StopRequested)
    async def stopping(self, connection: Any, event: Envelope, payload: StopRequested) -> None:
        """Whoever writes the answer, now or after a crash, shall stop."""
        await connection.execute(
            "UPDATE turns SET stop_requested = true WHERE message_id = $1", payload.message_id
        )

    @on(MessageCompleted)
    async def completed(self, connection: Any, event: Envelope, payload: MessageCompleted) -> None:
        """The answer is whole, or as much of it as was wanted."""
        await connection.execute(
            """UPDATE turns SET state = 'completed', model = $2, prompt_tokens = $3, completion_tokens = $4, cost_usd = $5,
                                attempt = $6, frames = $7, ended_at = $8, stopped = $9
               WHERE message_id = $1""",
            payload.message_id,
            payload.usage.model,
            payload.usage.prompt_tokens,
            payload.usage.completion_tokens,
            payload.usage.cost_usd,
            payload.attempt,
            payload.frames,
            event.recorded_at,
            payload.stopped,
        )

    @on(MessageFailed)
    async def failed(self, connection: Any, event: Envelope, payload: MessageFailed) -> None:
        """There is no whole answer."""
        usage = payload.usage
        await connection.execute(
            """UPDATE turns SET state = 'failed', error_code = $2, error_detail = $3, attempt = $4, frames = $5, ended_at = $6,
                                model = $7, prompt_tokens = $8, completion_tokens = $9, cost_usd = $10
               WHERE message_id = $1""",
            payload.message_id,
            payload.code,
            payload.detail,
            payload.attempt,
            payload.frames,
            event.recorded_at,
            usage.model if usage else None,
            usage.prompt_tokens if usage else 0,
            usage.completion_tokens if usage else 0,
            usage.cost_usd if usage else None,
        )

    @on(FeedbackGiven)
    async def judged(self, connection: Any, event: Envelope, payload: FeedbackGiven) -> None:
        """Somebody judged the answer, or took the judgement back."""
        await connection.execute(
            "UPDATE turns SET feedback = $2 WHERE message_id = $1", payload.message_id, payload.feedback
        )
