"""Activations → which generation a bot is at, and which versions were visible when."""

from typing import ClassVar

from minirag_contracts.envelope import Envelope
from minirag_contracts.events.retrieval import VersionActivated
from minirag_eventstore import Connection, Projection, on


class BotIndexProjection(Projection):
    """One row for each bot: the generation at which searches read. Raising it is what makes a version visible."""

    name: ClassVar[str] = "bot_index"
    tables: ClassVar[tuple[str, ...]] = ("bot_index",)
    owner: ClassVar[str] = "retrieval"

    @on(VersionActivated)
    async def activated(self, connection: Connection, event: Envelope, payload: VersionActivated) -> None:
        """The bot reads at the event's generation from now on."""
        await connection.execute(
            """INSERT INTO bot_index (bot_id, tenant_id, generation, updated_at) VALUES ($1, $2, $3, $4)
               ON CONFLICT (bot_id) DO UPDATE SET generation = $3, updated_at = $4""",
            payload.bot_id,
            event.tenant_id,
            payload.generation,
            event.recorded_at,
        )


class SourceVersionsProjection(Projection):
    """One row for each version that was ever visible; ``to_gen`` is null for the one that is."""

    name: ClassVar[str] = "source_versions"
    tables: ClassVar[tuple[str, ...]] = ("source_versions",)
    owner: ClassVar[str] = "retrieval"

    @on(VersionActivated)
    async def activated(self, connection: Connection, event: Envelope, payload: VersionActivated) -> None:
        """The version before ends at the generation at which this one begins."""
        await connection.execute(
            "UPDATE source_versions SET to_gen = $2 WHERE source_id = $1 AND to_gen IS NULL",
            payload.source_id,
            payload.generation,
        )
        await connection.execute(
            """INSERT INTO source_versions
                   (source_id, version, tenant_id, bot_id, chunk_count, from_gen, to_gen, activated_at)
               VALUES ($1, $2, $3, $4, $5, $6, NULL, $7)""",
            payload.source_id,
            payload.version,
            event.tenant_id,
            payload.bot_id,
            payload.chunk_count,
            payload.generation,
            event.recorded_at,
        )


PROJECTIONS: tuple[Projection, ...] = (BotIndexProjection(), SourceVersionsProjection())
