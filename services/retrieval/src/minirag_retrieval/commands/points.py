"""The points of a bot in the vector engine, kept as Postgres says; all of it under the lock of the bot's row."""

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

import numpy as np
from minirag_contracts.context import TenantScope
from minirag_eventstore import Connection, VersionConflict

from minirag_retrieval.errors import IndexIncomplete
from minirag_retrieval.ports import (
    NEVER,
    BotRows,
    ChunkRows,
    IndexPoint,
    Span,
    SparseEncoder,
    StoredChunk,
    VectorIndex,
)

PAGE = 256
FIRST = UUID(int=0)

log = logging.getLogger(__name__)


def point_of(chunk: StoredChunk, encoder: SparseEncoder) -> IndexPoint:
    """The point of a chunk, visible where its row says."""
    return IndexPoint(
        point_id=chunk.chunk_id,
        bot_id=chunk.bot_id,
        source_id=chunk.source_id,
        dense=np.frombuffer(chunk.vector, "<f4").astype(np.float32),
        sparse=encoder.document(chunk.embedded_text, chunk.language),
        from_gen=chunk.span.from_gen,
        to_gen=chunk.span.to_gen,
    )


class BotPoints:
    """Prepares a generation, takes back what an attempt left that died, restores what the engine lost."""

    def __init__(self, rows: ChunkRows, bots: BotRows, index: VectorIndex, encoder: SparseEncoder) -> None:
        self._rows = rows
        self._bots = bots
        self._index = index
        self._encoder = encoder

    async def prepare(
        self,
        connection: Connection,
        scope: TenantScope,
        claim: int,
        opened: Sequence[UUID],
        closed: Sequence[UUID],
        generation: int,
    ) -> None:
        """Nothing of it can be seen before the bot's generation is raised. Raises VersionConflict for a lost claim."""
        missing = [*set(opened) - (await self._index.spans(scope, opened)).keys()]
        await self._insert(connection, scope, missing)
        await self._index.mark(scope, opened, claim, from_gen=generation)
        await self._index.mark(scope, closed, claim, to_gen=generation)
        spans = await self._index.spans(scope, [*opened, *closed])
        if any(spans.get(point) != Span(generation, NEVER) for point in opened):
            raise VersionConflict("another attempt has claimed the points that were to appear")
        if any(spans[point].to_gen != generation for point in closed if point in spans):
            raise VersionConflict("another attempt has claimed the points that were to disappear")
        await self._index.flush()

    async def take_back(
        self, connection: Connection, scope: TenantScope, claim: int, source_ids: Iterable[UUID]
    ) -> None:
        """Marks the points of these sources as Postgres says, and claims them against whoever was there before."""
        for source_id in source_ids:
            log.info("marks of an unfinished activation are taken back", extra={"source_id": source_id})
            await self._mark_all(scope, claim, await self._rows.spans(connection, source_id))

    async def restore(self, connection: Connection, scope: TenantScope, bot_id: UUID, claim: int) -> int:
        """Fills the engine with the bot's points; answers how many. IndexIncomplete if it is lost meanwhile."""
        store_id = (await self._index.status()).store_id
        after, count = FIRST, 0
        while page := await self._rows.current_after(connection, bot_id, after, PAGE):
            await self._index.insert(scope, [point_of(chunk, self._encoder) for chunk in page])
            stored = await self._index.spans(scope, [chunk.chunk_id for chunk in page])
            wrong = {c.chunk_id: c.span for c in page if stored.get(c.chunk_id) != c.span}
            await self._mark_all(scope, claim, wrong)
            after, count = page[-1].chunk_id, count + len(page)
        await self._index.flush()
        if (await self._index.status()).store_id != store_id:
            raise IndexIncomplete
        await self._bots.restored(connection, bot_id, store_id)
        log.info("the points of a bot are restored", extra={"bot_id": bot_id, "points": count})
        return count

    async def _insert(self, connection: Connection, scope: TenantScope, ids: Sequence[UUID]) -> None:
        for start in range(0, len(ids), PAGE):
            chunks = await self._rows.chunks(connection, ids[start : start + PAGE])
            await self._index.insert(scope, [point_of(chunk, self._encoder) for chunk in chunks])

    async def _mark_all(self, scope: TenantScope, claim: int, spans: Mapping[UUID, Span]) -> None:
        alike: dict[Span, list[UUID]] = defaultdict(list)
        for point, span in spans.items():
            alike[span].append(point)
        for span, points in alike.items():
            await self._index.mark(scope, points, claim, from_gen=span.from_gen, to_gen=span.to_gen)
