"""The bots as clients read them."""

from typing import Any, ClassVar

from minirag_contracts.envelope import Envelope
from minirag_contracts.events.chat import BotActivated, BotCreated, BotDeactivated, BotSettings, BotUpdated
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
            """INSERT INTO bots (bot_id, name, description, model, embedding_model, system_prompt, temperature, max_tokens,
                                 has_credentials, greeting, suggested_questions, has_identity_secret,
                                 tenant_id, is_active, created_at, updated_at)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, true, $14, $14)""",
            *_columns(payload),
            event.tenant_id,
            event.recorded_at,
        )

    @on(BotUpdated)
    async def updated(self, connection: Any, event: Envelope, payload: BotUpdated) -> None:
        """The event has the whole configuration."""
        await connection.execute(
            """UPDATE bots SET name = $2, description = $3, model = $4, embedding_model = $5, system_prompt = $6,
                               temperature = $7, max_tokens = $8, has_credentials = $9, greeting = $10,
                               suggested_questions = $11, has_identity_secret = $12, updated_at = $13
               WHERE bot_id = $1""",
            *_columns(payload),
            event.recorded_at,
        )

    @on(BotDeactivated)
    async def deactivated(self, connection: Any, event: Envelope, payload: BotDeactivated) -> None:
        """It can be read and answers no more."""
        await _set_active(connection, event, payload, active=False)

    @on(BotActivated)
    async def activated(self, connection: Any, event: Envelope, payload: BotActivated) -> None:
        """It answers again."""
        await _set_active(connection, event, payload, active=True)


def _columns(settings: BotSettings) -> tuple[Any, ...]:
    return (
        settings.bot_id,
        settings.name,
        settings.description,
        settings.model,
        settings.embedding_model,
        settings.system_prompt,
        settings.temperature,
        settings.max_tokens,
        settings.has_credentials,
        settings.greeting,
        settings.suggested_questions,
        settings.has_identity_secret,
    )


async def _set_active(
    connection: Any, event: Envelope, payload: BotActivated | BotDeactivated, *, active: bool
) -> None:
    await connection.execute(
        "UPDATE bots SET is_active = $2, updated_at = $3 WHERE bot_id = $1",
        payload.bot_id,
        active,
        event.recorded_at,
    )
