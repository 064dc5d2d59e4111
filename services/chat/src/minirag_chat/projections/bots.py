"""The bots as clients read them."""

from typing import Any, ClassVar

from minirag_contracts.envelope import Envelope
from minirag_contracts.events.chat import BotCreated
from minirag_eventstore import Projection, on


class Bots(Projection):
    """One row for each bot."""

    name: ClassVar[str] = "bots"
    tables: ClassVar[tuple[str, ...]] = ("bots",)
    owner: ClassVar[str] = "chat"
    patterns: ClassVar[tuple[str, ...]] = ("bot.>",)

    @on(BotCreated)
    async def created(self, connection: Any, event: Envelope, payload: BotCreated) -> None:
        """A bot is active from its creation on."""
        await connection.execute(
            """INSERT INTO bots (tenant_id, bot_id, name, description, model, embedding_model, system_prompt, temperature,
                                 max_tokens, has_credentials, is_active, created_at, updated_at)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, true, $11, $11)""",
            event.tenant_id,
            payload.bot_id,
            payload.name,
            payload.description,
            payload.model,
            payload.embedding_model,
            payload.system_prompt,
            payload.temperature,
            payload.max_tokens,
            payload.has_credentials,
            event.recorded_at,
        )
