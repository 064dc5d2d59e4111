"""What a tenant has: bots, sources, conversations. Inactive ones count too (spec §15)."""

from typing import ClassVar
from uuid import UUID

from minirag_contracts.envelope import Envelope
from minirag_contracts.events.chat import BotActivated, BotCreated, BotDeactivated, BotUpdated, ChatStarted
from minirag_contracts.events.ingest import SourceCreated
from minirag_eventstore import Connection, Projection, on

from minirag_analytics.projections.days import day_of


class BotsProjection(Projection):
    """One row for each bot, with the name that statistics show today."""

    name: ClassVar[str] = "bots"
    tables: ClassVar[tuple[str, ...]] = ("bots",)
    owner: ClassVar[str] = "chat"
    patterns: ClassVar[tuple[str, ...]] = ("bot.>",)

    @on(BotCreated)
    async def created(self, connection: Connection, event: Envelope, payload: BotCreated) -> None:
        """A bot more."""
        await connection.execute(
            "INSERT INTO bots (bot_id, tenant_id, name, model, created_at) VALUES ($1, $2, $3, $4, $5)",
            payload.bot_id,
            event.tenant_id,
            payload.name,
            payload.model,
            event.recorded_at,
        )

    @on(BotUpdated)
    async def updated(self, connection: Connection, event: Envelope, payload: BotUpdated) -> None:
        """Perhaps another name or model."""
        await connection.execute(
            "UPDATE bots SET name = $3, model = $4 WHERE tenant_id = $1 AND bot_id = $2",
            event.tenant_id,
            payload.bot_id,
            payload.name,
            payload.model,
        )

    @on(BotDeactivated)
    async def deactivated(self, connection: Connection, event: Envelope, payload: BotDeactivated) -> None:
        """Switched off; it goes on counting."""
        await _switch(connection, event, payload.bot_id, active=False)

    @on(BotActivated)
    async def activated(self, connection: Connection, event: Envelope, payload: BotActivated) -> None:
        """Switched on again."""
        await _switch(connection, event, payload.bot_id, active=True)


async def _switch(connection: Connection, event: Envelope, bot_id: UUID, *, active: bool) -> None:
    await connection.execute(
        "UPDATE bots SET is_active = $3 WHERE tenant_id = $1 AND bot_id = $2", event.tenant_id, bot_id, active
    )


class ChatsProjection(Projection):
    """Conversations begun, by day and bot."""

    name: ClassVar[str] = "chats"
    tables: ClassVar[tuple[str, ...]] = ("chats_daily",)
    owner: ClassVar[str] = "chat"
    patterns: ClassVar[tuple[str, ...]] = ("chat.started",)

    @on(ChatStarted)
    async def started(self, connection: Connection, event: Envelope, payload: ChatStarted) -> None:
        """A conversation more."""
        await connection.execute(
            """INSERT INTO chats_daily (tenant_id, day, bot_id, chats) VALUES ($1, $2, $3, 1)
               ON CONFLICT (tenant_id, day, bot_id) DO UPDATE SET chats = chats_daily.chats + 1""",
            event.tenant_id,
            day_of(event),
            payload.bot_id,
        )


class SourcesProjection(Projection):
    """One row for each source."""

    name: ClassVar[str] = "sources"
    tables: ClassVar[tuple[str, ...]] = ("sources",)
    owner: ClassVar[str] = "ingest"
    patterns: ClassVar[tuple[str, ...]] = ("source.created",)

    @on(SourceCreated)
    async def created(self, connection: Connection, event: Envelope, payload: SourceCreated) -> None:
        """A source more."""
        await connection.execute(
            "INSERT INTO sources (source_id, tenant_id, bot_id, created_at) VALUES ($1, $2, $3, $4)",
            payload.source_id,
            event.tenant_id,
            payload.bot_id,
            event.recorded_at,
        )
