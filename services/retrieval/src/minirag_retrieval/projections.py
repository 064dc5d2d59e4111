"""Activations and hidings → which generation a bot is at, and which versions were visible when."""

from typing import ClassVar

from minirag_contracts.envelope import Envelope
from minirag_contracts.events.retrieval import SourcesHidden, VersionActivated
from minirag_eventstore import Connection, Projection, on


class BotIndexProjection(Projection):
    """One row for each bot: the generation at which searches read. Raising it is what makes a version visible."""

    name: ClassVar[str] = "bot_index"
    tables: ClassVar[tuple[str, ...]] = ("bot_index",)
    owner: ClassVar[str] = "retrieval"

    @on(VersionActivated)
    async def activated(self, connection: Connection, event: Envelope, payload: VersionActivated) -> None:
        """The bot reads at the event's generation from now on."""
        await _raise(connection, event, payload)

    @on(SourcesHidden)
    async def hidden(self, connection: Connection, event: Envelope, payload: SourcesHidden) -> None:
        """The bot reads at the event's generation from now on."""
        await _raise(connection, event, payload)


async def _raise(connection: Connection, event: Envelope, payload: VersionActivated | SourcesHidden) -> None:
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

    @on(SourcesHidden)
    async def hidden(self, connection: Connection, event: Envelope, payload: SourcesHidden) -> None:
        """Nothing of these sources is visible from the event's generation on."""
        await connection.execute(
            "UPDATE source_versions SET to_gen = $2 WHERE source_id = ANY($1) AND to_gen IS NULL",
            [source.source_id for source in payload.sources],
            payload.generation,
        )


class HiddenSourcesProjection(Projection):
    """One row for each source that was ever hidden: the version up to which none may be activated."""

    name: ClassVar[str] = "hidden_sources"
    tables: ClassVar[tuple[str, ...]] = ("hidden_sources",)
    owner: ClassVar[str] = "retrieval"

    @on(SourcesHidden)
    async def hidden(self, connection: Connection, event: Envelope, payload: SourcesHidden) -> None:
        """The latest hiding counts; its versions only grow."""
        await connection.execute(
            """INSERT INTO hidden_sources (source_id, tenant_id, bot_id, version, hidden_at)
               SELECT h.source_id, $3, $4, h.version, $5 FROM unnest($1::uuid[], $2::int[]) AS h (source_id, version)
               ON CONFLICT (source_id) DO UPDATE SET version = excluded.version, hidden_at = excluded.hidden_at""",
            [source.source_id for source in payload.sources],
            [source.version for source in payload.sources],
            event.tenant_id,
            payload.bot_id,
            event.recorded_at,
        )


PROJECTIONS: tuple[Projection, ...] = (
    BotIndexProjection(),
    SourceVersionsProjection(),
    HiddenSourcesProjection(),
)
