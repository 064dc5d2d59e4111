"""Events → the rows that clients read, and what we know of bots."""

from typing import ClassVar

from minirag_contracts.envelope import Envelope
from minirag_contracts.events.chat import BotActivated, BotCreated, BotDeactivated
from minirag_contracts.events.ingest import (
    IngestCancelled,
    IngestCompleted,
    IngestFailed,
    IngestRequested,
    IngestUnchanged,
    SourceActivated,
    SourceCreated,
    SourceDeactivated,
    SourceUpdated,
)
from minirag_eventstore import Connection, Projection, on


class SourcesProjection(Projection):
    """One row for each source. A failed version leaves the counts of the one that goes on answering."""

    name: ClassVar[str] = "sources"
    tables: ClassVar[tuple[str, ...]] = ("sources",)
    owner: ClassVar[str] = "ingest"

    @on(SourceCreated)
    async def created(self, connection: Connection, event: Envelope, payload: SourceCreated) -> None:
        """Nothing is ingested yet."""
        await connection.execute(
            """INSERT INTO sources (tenant_id, source_id, bot_id, parent_id, name, description, source_type, status,
                                    config, refresh_schedule, created_at, updated_at)
               VALUES ($1, $2, $3, $4, $5, $6, $7, 'pending', $8, $9, $10, $10)""",
            event.tenant_id,
            payload.source_id,
            payload.bot_id,
            payload.parent_id,
            payload.name,
            payload.description,
            payload.source_type,
            payload.config,
            payload.refresh_schedule,
            event.recorded_at,
        )

    @on(IngestRequested)
    async def requested(self, connection: Connection, event: Envelope, payload: IngestRequested) -> None:
        """A version is being made."""
        await connection.execute(
            "UPDATE sources SET status = 'processing', version = $2, updated_at = $3 WHERE source_id = $1",
            payload.source_id,
            payload.version,
            event.recorded_at,
        )

    @on(IngestCompleted)
    async def completed(self, connection: Connection, event: Envelope, payload: IngestCompleted) -> None:
        """The version answers."""
        await connection.execute(
            """UPDATE sources SET status = 'ready', error_message = NULL, document_count = $2, chunk_count = $3,
                                  last_refreshed_at = $4, updated_at = $4, visible = $5
               WHERE source_id = $1""",
            payload.source_id,
            payload.document_count,
            payload.chunk_count,
            event.recorded_at,
            payload.version,
        )

    @on(IngestUnchanged)
    async def unchanged(self, connection: Connection, event: Envelope, payload: IngestUnchanged) -> None:
        """It was looked at, and the version that answers goes on."""
        await connection.execute(
            """UPDATE sources SET status = 'ready', error_message = NULL, last_refreshed_at = $2, updated_at = $2
               WHERE source_id = $1""",
            payload.source_id,
            event.recorded_at,
        )

    @on(IngestFailed)
    async def failed(self, connection: Connection, event: Envelope, payload: IngestFailed) -> None:
        """The version could not be made."""
        await connection.execute(
            "UPDATE sources SET status = 'error', error_message = $2, updated_at = $3 WHERE source_id = $1",
            payload.source_id,
            payload.error,
            event.recorded_at,
        )

    @on(IngestCancelled)
    async def cancelled(self, connection: Connection, event: Envelope, payload: IngestCancelled) -> None:
        """The status is again what the last version that ended has left."""
        await connection.execute(
            """UPDATE sources SET status = CASE WHEN error_message IS NOT NULL THEN 'error'
                                                WHEN last_refreshed_at IS NOT NULL THEN 'ready'
                                                ELSE 'pending' END, updated_at = $2
               WHERE source_id = $1""",
            payload.source_id,
            event.recorded_at,
        )

    @on(SourceUpdated)
    async def updated(self, connection: Connection, event: Envelope, payload: SourceUpdated) -> None:
        """The public configuration; the rest of it is content."""
        await connection.execute(
            """UPDATE sources SET name = $2, description = $3, config = $4, refresh_schedule = $5, updated_at = $6
               WHERE source_id = $1""",
            payload.source_id,
            payload.name,
            payload.description,
            payload.config,
            payload.refresh_schedule,
            event.recorded_at,
        )

    @on(SourceDeactivated)
    async def deactivated(self, connection: Connection, event: Envelope, payload: SourceDeactivated) -> None:
        """It answers no more; what is known of it stays."""
        await connection.execute(
            """UPDATE sources SET is_active = false, gone_with_parent = $2, updated_at = $3, visible = 0
               WHERE source_id = $1""",
            payload.source_id,
            payload.with_parent,
            event.recorded_at,
        )

    @on(SourceActivated)
    async def activated(self, connection: Connection, event: Envelope, payload: SourceActivated) -> None:
        """It is back, and answers once a version of it is made."""
        await connection.execute(
            "UPDATE sources SET is_active = true, gone_with_parent = false, updated_at = $2 WHERE source_id = $1",
            payload.source_id,
            event.recorded_at,
        )


class IngestionsProjection(Projection):
    """One row for each version that was asked for, and what became of it."""

    name: ClassVar[str] = "ingestions"
    tables: ClassVar[tuple[str, ...]] = ("ingestions",)
    owner: ClassVar[str] = "ingest"

    @on(IngestRequested)
    async def requested(self, connection: Connection, event: Envelope, payload: IngestRequested) -> None:
        """It shall be made."""
        await connection.execute(
            """INSERT INTO ingestions (tenant_id, source_id, version, trigger, of_version, status, created_at)
               VALUES ($1, $2, $3, $4, $5, 'processing', $6)""",
            event.tenant_id,
            payload.source_id,
            payload.version,
            payload.trigger,
            payload.of_version,
            event.recorded_at,
        )

    @on(IngestCompleted)
    async def completed(self, connection: Connection, event: Envelope, payload: IngestCompleted) -> None:
        """It answers."""
        counts = {
            name: getattr(payload, name)
            for name in ("chunk_count", "added", "changed", "removed", "embedded")
        }
        await _end(connection, event, payload, "completed", **counts)

    @on(IngestUnchanged)
    async def unchanged(self, connection: Connection, event: Envelope, payload: IngestUnchanged) -> None:
        """It was not needed."""
        await _end(connection, event, payload, "unchanged", chunk_count=payload.chunk_count)

    @on(IngestFailed)
    async def failed(self, connection: Connection, event: Envelope, payload: IngestFailed) -> None:
        """It could not be made."""
        reason = {name: getattr(payload, name) for name in ("attempts", "code", "error")}
        await _end(connection, event, payload, "failed", **reason)

    @on(IngestCancelled)
    async def cancelled(self, connection: Connection, event: Envelope, payload: IngestCancelled) -> None:
        """It was not wanted any more."""
        await _end(connection, event, payload, "cancelled")


async def _end(
    connection: Connection,
    event: Envelope,
    payload: IngestCompleted | IngestUnchanged | IngestFailed | IngestCancelled,
    status: str,
    **found: int | str | None,
) -> None:
    changes = "".join(f", {name} = ${number}" for number, name in enumerate(found, start=5))
    await connection.execute(
        f"""UPDATE ingestions SET status = $3, ended_at = $4{changes}
            WHERE source_id = $1 AND version = $2""",  # noqa: S608  # our own column names
        payload.source_id,
        payload.version,
        status,
        event.recorded_at,
        *found.values(),
    )


class KnownBotsProjection(Projection):
    """The bots of all tenants, by id, and whether they are active."""

    name: ClassVar[str] = "known_bots"
    tables: ClassVar[tuple[str, ...]] = ("known_bots",)
    owner: ClassVar[str] = "chat"
    patterns: ClassVar[tuple[str, ...]] = ("bot.>",)

    @on(BotCreated)
    async def created(self, connection: Connection, event: Envelope, payload: BotCreated) -> None:
        """A bot exists."""
        await connection.execute(
            "INSERT INTO known_bots (tenant_id, bot_id) VALUES ($1, $2)", event.tenant_id, payload.bot_id
        )

    @on(BotDeactivated)
    async def deactivated(self, connection: Connection, event: Envelope, payload: BotDeactivated) -> None:
        """A bot is given nothing new."""
        await connection.execute("UPDATE known_bots SET is_active = false WHERE bot_id = $1", payload.bot_id)

    @on(BotActivated)
    async def activated(self, connection: Connection, event: Envelope, payload: BotActivated) -> None:
        """A bot is back."""
        await connection.execute("UPDATE known_bots SET is_active = true WHERE bot_id = $1", payload.bot_id)


PROJECTIONS: tuple[Projection, ...] = (SourcesProjection(), IngestionsProjection(), KnownBotsProjection())
