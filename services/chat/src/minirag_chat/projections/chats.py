"""The chats with their counters. Every change is an increment or a maximum, so that the order of turns does not matter."""

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from minirag_contracts.envelope import Envelope
from minirag_contracts.events.chat import ChatStarted, MessageCompleted, MessageCreated, MessageFailed
from minirag_eventstore import Projection, on


class Chats(Projection):
    """One row for each chat. A turn adds two messages: one when it is asked, one when it ends."""

    name: ClassVar[str] = "chats"
    tables: ClassVar[tuple[str, ...]] = ("chats",)
    owner: ClassVar[str] = "chat"
    patterns: ClassVar[tuple[str, ...]] = ("chat.>",)

    @on(ChatStarted)
    async def started(self, connection: Any, event: Envelope, payload: ChatStarted) -> None:
        """An empty chat."""
        await connection.execute(
            """INSERT INTO chats (tenant_id, chat_id, bot_id, message_count, total_prompt_tokens, total_completion_tokens,
                                  created_at, updated_at, started_by)
               VALUES ($1, $2, $3, 0, 0, 0, $4, $4, $5)""",
            event.tenant_id,
            payload.chat_id,
            payload.bot_id,
            event.recorded_at,
            event.metadata.actor,
        )

    @on(MessageCreated)
    async def asked(self, connection: Any, event: Envelope, payload: MessageCreated) -> None:
        """The question counts."""
        await _add(connection, payload.chat_id, event.recorded_at)

    @on(MessageCompleted)
    async def answered(self, connection: Any, event: Envelope, payload: MessageCompleted) -> None:
        """The answer counts, and what it consumed."""
        usage = payload.usage
        await _add(
            connection, payload.chat_id, event.recorded_at, usage.prompt_tokens, usage.completion_tokens
        )

    @on(MessageFailed)
    async def failed(self, connection: Any, event: Envelope, payload: MessageFailed) -> None:
        """What there is of the answer counts, and what it consumed."""
        usage = payload.usage
        spent = (usage.prompt_tokens, usage.completion_tokens) if usage else (0, 0)
        await _add(connection, payload.chat_id, event.recorded_at, *spent)


async def _add(connection: Any, chat_id: UUID, at: datetime, prompt: int = 0, completion: int = 0) -> None:
    await connection.execute(
        """UPDATE chats SET message_count = message_count + 1,
                            total_prompt_tokens = total_prompt_tokens + $2,
                            total_completion_tokens = total_completion_tokens + $3,
                            updated_at = greatest(updated_at, $4)
           WHERE chat_id = $1""",
        chat_id,
        prompt,
        completion,
        at,
    )
