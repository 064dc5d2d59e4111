"""``ChunkRows`` on Postgres."""

from collections.abc import Sequence
from dataclasses import fields
from uuid import UUID

from minirag_contracts.context import TenantScope
from minirag_eventstore import Connection

from minirag_retrieval.ports import Member, PassageRow, Span, StoredChunk, span_of

COLUMN_NAMES = tuple(field.name for field in fields(StoredChunk))
COLUMNS = ", ".join(COLUMN_NAMES)
TYPES = {
    "uuid": ("chunk_id", "bot_id", "source_id"),
    "bytea": ("content_hash", "embed_hash", "vector"),
    "int": ("page",),
    "bigint": ("from_gen", "to_gen"),
}
TYPE_OF = {column: kind for kind, columns in TYPES.items() for column in columns}
ARRAYS = ", ".join(
    f"${number}::{TYPE_OF.get(column, 'text')}[]" for number, column in enumerate(COLUMN_NAMES, start=2)
)
INSERT = f"""INSERT INTO chunks (tenant_id, {COLUMNS})
             SELECT $1, {COLUMNS} FROM unnest({ARRAYS}) AS chunk ({COLUMNS})
             ON CONFLICT (chunk_id) DO NOTHING"""  # noqa: S608  # our own columns
"""All of a batch in one statement: half of what it costs row by row."""
LANGUAGES_OF = "hashtextextended('languages of ' || $1, 0)"
"""The lock of a bot's languages: those who add chunks share it, and who forgets a language has it alone."""


class PostgresChunkRows:
    """Each method runs inside the caller's transaction; row-level security confines it to the tenant."""

    async def live(
        self, connection: Connection, source_id: UUID, hashes: Sequence[bytes], own_ids: Sequence[UUID]
    ) -> dict[bytes, UUID]:
        """Content hash → chunk, for chunks that are current or among ``own_ids``."""
        rows = await connection.fetch(
            """SELECT content_hash, chunk_id FROM chunks
               WHERE source_id = $1 AND content_hash = ANY($2) AND to_gen IS NULL
                 AND (from_gen IS NOT NULL OR chunk_id = ANY($3))""",
            source_id,
            hashes,
            own_ids,
        )
        return {row["content_hash"]: row["chunk_id"] for row in rows}

    async def vectors(
        self, connection: Connection, source_id: UUID, embed_hashes: Sequence[bytes]
    ) -> dict[bytes, bytes]:
        """Embed hash → vector, from any chunk of the source."""
        rows = await connection.fetch(
            """SELECT DISTINCT ON (embed_hash) embed_hash, vector FROM chunks
               WHERE source_id = $1 AND embed_hash = ANY($2)""",
            source_id,
            embed_hashes,
        )
        return {row["embed_hash"]: row["vector"] for row in rows}

    async def stage(
        self,
        connection: Connection,
        scope: TenantScope,
        version: int,
        chunks: Sequence[StoredChunk],
        members: Sequence[tuple[UUID, int, UUID]],
    ) -> None:
        """Adds chunks that are not there yet, and (source, ordinal, chunk) to the version."""
        await self._insert(connection, scope, chunks)
        places = {
            (source, ordinal): chunk for source, ordinal, chunk in members
        }  # a statement names a row once
        await connection.execute(
            """INSERT INTO version_chunks (source_id, version, ordinal, tenant_id, chunk_id)
               SELECT m.source_id, $1, m.ordinal, $2, m.chunk_id
               FROM unnest($3::uuid[], $4::int[], $5::uuid[]) AS m (source_id, ordinal, chunk_id)
               ON CONFLICT (source_id, version, ordinal) DO UPDATE SET chunk_id = excluded.chunk_id""",
            version,
            scope.tenant_id,
            [source for source, _ in places],
            [ordinal for _, ordinal in places],
            list(places.values()),
        )

    async def members(self, connection: Connection, source_id: UUID, version: int) -> list[Member]:
        """The distinct chunks of a version, in order."""
        rows = await connection.fetch(
            """SELECT chunk_id, min(ordinal) AS ordinal, from_gen, to_gen
               FROM version_chunks JOIN chunks USING (chunk_id)
               WHERE version_chunks.source_id = $1 AND version = $2
               GROUP BY chunk_id, from_gen, to_gen ORDER BY 2""",
            source_id,
            version,
        )
        return [Member(**dict(row)) for row in rows]

    async def staged(self, connection: Connection, source_id: UUID, version: int, chunk_count: int) -> int:
        """How many of the first ``chunk_count`` places of a version are filled."""
        value: int = await connection.fetchval(
            "SELECT count(*) FROM version_chunks WHERE source_id = $1 AND version = $2 AND ordinal < $3",
            source_id,
            version,
            chunk_count,
        )
        return value

    async def truncate(self, connection: Connection, source_id: UUID, version: int, chunk_count: int) -> None:
        """Forgets the places from ``chunk_count`` on, which an earlier attempt at this version left."""
        await connection.execute(
            "DELETE FROM version_chunks WHERE source_id = $1 AND version = $2 AND ordinal >= $3",
            source_id,
            version,
            chunk_count,
        )

    async def current(self, connection: Connection, source_ids: Sequence[UUID]) -> dict[UUID, UUID]:
        """Chunk → source, for the chunks of these sources that are visible now."""
        rows = await connection.fetch(
            """SELECT chunk_id, source_id FROM chunks
               WHERE source_id = ANY($1) AND from_gen IS NOT NULL AND to_gen IS NULL ORDER BY chunk_id""",
            source_ids,
        )
        return {row["chunk_id"]: row["source_id"] for row in rows}

    async def spans(self, connection: Connection, source_id: UUID) -> dict[UUID, Span]:
        """Of all chunks of the source."""
        rows = await connection.fetch(
            "SELECT chunk_id, from_gen, to_gen FROM chunks WHERE source_id = $1", source_id
        )
        return {row["chunk_id"]: span_of(row["from_gen"], row["to_gen"]) for row in rows}

    async def chunks(self, connection: Connection, chunk_ids: Sequence[UUID]) -> list[StoredChunk]:
        """The chunks with these ids."""
        rows = await connection.fetch(
            f"SELECT {COLUMNS} FROM chunks WHERE chunk_id = ANY($1)",  # noqa: S608  # our own columns
            chunk_ids,
        )
        return [StoredChunk(**dict(row)) for row in rows]

    async def restage(
        self, connection: Connection, scope: TenantScope, version: int, old: UUID, new: StoredChunk
    ) -> None:
        """Puts ``new`` in the place of a chunk whose life has ended."""
        await self._insert(connection, scope, [new])
        await connection.execute(
            "UPDATE version_chunks SET chunk_id = $4 WHERE source_id = $1 AND version = $2 AND chunk_id = $3",
            new.source_id,
            version,
            old,
            new.chunk_id,
        )

    async def mark(
        self, connection: Connection, opened: Sequence[UUID], closed: Sequence[UUID], generation: int
    ) -> None:
        """The chunks begin, or end, at a generation."""
        await connection.execute(
            "UPDATE chunks SET from_gen = $2 WHERE chunk_id = ANY($1)", opened, generation
        )
        await connection.execute("UPDATE chunks SET to_gen = $2 WHERE chunk_id = ANY($1)", closed, generation)

    async def passages(
        self, connection: Connection, chunk_ids: Sequence[UUID], generation: int
    ) -> dict[UUID, PassageRow]:
        """What is shown of chunks, with the place in the version that was visible at the generation."""
        rows = await connection.fetch(
            """SELECT c.chunk_id, c.source_id, place.ordinal, c.header, c.text, c.title, c.url, c.page, c.heading,
                      c.anchor, c.language
               FROM chunks c CROSS JOIN LATERAL (
                   SELECT min(m.ordinal) AS ordinal
                   FROM version_chunks m JOIN source_versions v USING (source_id, version)
                   WHERE m.chunk_id = c.chunk_id AND v.from_gen <= $2 AND (v.to_gen IS NULL OR v.to_gen > $2)
               ) place
               WHERE c.chunk_id = ANY($1) AND place.ordinal IS NOT NULL""",
            chunk_ids,
            generation,
        )
        return {row["chunk_id"]: PassageRow(**dict(row)) for row in rows}

    async def languages(self, connection: Connection, bot_id: UUID) -> list[str | None]:
        """Those that the bot's chunks are in, or were in lately; None for chunks whose language nobody knows."""
        rows = await connection.fetch("SELECT language FROM bot_languages WHERE bot_id = $1", bot_id)
        return [row["language"] or None for row in rows]

    async def current_after(
        self, connection: Connection, bot_id: UUID, after: UUID, limit: int
    ) -> list[StoredChunk]:
        """A page of the bot's chunks that have not ended, by id."""
        rows = await connection.fetch(
            f"""SELECT {COLUMNS} FROM chunks WHERE bot_id = $1 AND to_gen IS NULL AND chunk_id > $2
                ORDER BY chunk_id LIMIT $3""",  # noqa: S608  # our own columns
            bot_id,
            after,
            limit,
        )
        return [StoredChunk(**dict(row)) for row in rows]

    async def count(self, connection: Connection, bot_id: UUID) -> int:
        """How many chunks of the bot have not ended and were visible once."""
        value: int = await connection.fetchval(
            "SELECT count(*) FROM chunks WHERE bot_id = $1 AND to_gen IS NULL AND from_gen IS NOT NULL",
            bot_id,
        )
        return value

    async def current_total(self, connection: Connection) -> int:
        """How many chunks of the tenant are visible now."""
        value: int = await connection.fetchval(
            "SELECT count(*) FROM chunks WHERE to_gen IS NULL AND from_gen IS NOT NULL"
        )
        return value

    async def forget_versions(self, connection: Connection, source_id: UUID, keep: int) -> list[UUID]:
        """Drops the places of all but the last ``keep`` visible versions and of staged ones that were overtaken;
        answers the chunks that are in no version any more.
        """
        await connection.execute(
            """WITH visible AS (SELECT version, to_gen FROM source_versions WHERE source_id = $1),
                    kept AS (SELECT version FROM visible ORDER BY version DESC LIMIT $2),
                    active AS (SELECT version FROM visible WHERE to_gen IS NULL)
               DELETE FROM version_chunks
               WHERE source_id = $1 AND version < (SELECT version FROM active)
                 AND version NOT IN (SELECT version FROM kept)""",
            source_id,
            keep,
        )
        return await self._unplaced(connection, source_id)

    async def forget_hidden(self, connection: Connection, source_id: UUID, version: int) -> list[UUID]:
        """Drops the places of a source's versions up to this one, unless one of them is visible; answers the chunks that
        are in no version any more.
        """
        await connection.execute(
            """DELETE FROM version_chunks WHERE source_id = $1 AND version <= $2
                 AND NOT EXISTS (SELECT FROM source_versions WHERE source_id = $1 AND version <= $2 AND to_gen IS NULL)""",
            source_id,
            version,
        )
        return await self._unplaced(connection, source_id)

    @staticmethod
    async def _unplaced(connection: Connection, source_id: UUID) -> list[UUID]:
        rows = await connection.fetch(
            """SELECT chunk_id FROM chunks c WHERE source_id = $1 AND (to_gen IS NOT NULL OR from_gen IS NULL)
                 AND NOT EXISTS (SELECT FROM version_chunks m WHERE m.chunk_id = c.chunk_id)""",
            source_id,
        )
        return [row["chunk_id"] for row in rows]

    async def delete(self, connection: Connection, chunk_ids: Sequence[UUID]) -> None:
        """Removes chunks for good, and with the last ones of a language what was known of it."""
        rows = await connection.fetch(
            "DELETE FROM chunks WHERE chunk_id = ANY($1) RETURNING bot_id, coalesce(language, '') AS language",
            chunk_ids,
        )
        for bot_id in {row["bot_id"] for row in rows}:
            spoken = {row["language"] for row in rows if row["bot_id"] == bot_id}
            await self._forget_languages(connection, bot_id, sorted(spoken))

    @staticmethod
    async def _forget_languages(connection: Connection, bot_id: UUID, languages: Sequence[str]) -> None:
        """Those that none of the bot's chunks is in. While somebody adds chunks all stay, as nobody can see yet which they need:
        one too many costs a search little, one too few what it looks for.
        """
        if not await connection.fetchval(f"SELECT pg_try_advisory_xact_lock({LANGUAGES_OF})", str(bot_id)):
            return
        await connection.execute(
            """DELETE FROM bot_languages known WHERE bot_id = $1 AND language = ANY($2)
                 AND (SELECT true FROM chunks c WHERE c.bot_id = $1 AND c.to_gen IS NULL
                        AND coalesce(c.language, '') = known.language LIMIT 1) IS NULL""",
            bot_id,
            languages,
        )

    @staticmethod
    async def _insert(connection: Connection, scope: TenantScope, chunks: Sequence[StoredChunk]) -> None:
        if not chunks:
            return
        for bot_id in sorted({chunk.bot_id for chunk in chunks}):
            await connection.execute(f"SELECT pg_advisory_xact_lock_shared({LANGUAGES_OF})", str(bot_id))
        columns = [[getattr(chunk, column) for chunk in chunks] for column in COLUMN_NAMES]
        await connection.execute(INSERT, scope.tenant_id, *columns)
        spoken = {(chunk.bot_id, chunk.language or "", scope.tenant_id) for chunk in chunks}
        await connection.executemany(
            "INSERT INTO bot_languages (bot_id, language, tenant_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
            sorted(spoken),  # in one order, so that two batches cannot wait for each other
        )
