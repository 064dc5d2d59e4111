"""Hybrid search: one read of the generation beside the query's embedding, one round trip to the engine, one read of texts."""

import asyncio
from collections.abc import Sequence

from minirag_contracts import tracing
from minirag_contracts.context import Context
from minirag_contracts.requests.retrieval import Passage, Search, SearchReply
from minirag_eventstore import Database

from minirag_retrieval.errors import IndexIncomplete
from minirag_retrieval.ports import (
    BotRows,
    ChunkRows,
    Embedder,
    Hit,
    PassageRow,
    PointsRow,
    SparseEncoder,
    VectorIndex,
)
from minirag_retrieval.queries.copies import distinct
from minirag_retrieval.queries.fusion import ARM_LIMIT, fuse, relevance
from minirag_retrieval.queries.highlights import Highlighting

MAX_PASSAGES = 50
SPARE = 5
"""Passages that are read beyond those wanted, to take the place of near copies."""

NOTHING = SearchReply(passages=[], relevance=0.0)


class Searching:
    """Answers Search. Everything it returns was visible at one generation."""

    def __init__(
        self,
        database: Database,
        rows: ChunkRows,
        bots: BotRows,
        index: VectorIndex,
        embedder: Embedder,
        encoder: SparseEncoder,
        highlighting: Highlighting,
    ) -> None:
        self._database = database
        self._rows = rows
        self._bots = bots
        self._index = index
        self._embedder = embedder
        self._encoder = encoder
        self._highlighting = highlighting

    async def search(self, request: Search, context: Context) -> SearchReply:
        """IndexIncomplete while the engine lacks points of this bot: half an answer would look like a whole one."""
        (state, languages), vector = await asyncio.gather(
            self._state(request, context), self._embedder.embed_query(request.query)
        )
        if state is None or state.generation == 0:
            return NOTHING
        sparse = self._encoder.query(request.query, languages)
        with tracing.span("vector query", kind="client") as span:
            hits = await self._index.search(
                context.scope, request.bot_id, state.generation, vector, sparse, ARM_LIMIT
            )
            span.set(minirag__dense=len(hits.dense), minirag__sparse=len(hits.sparse))
        if self._index.store_id != state.store_id:
            raise IndexIncomplete
        wanted = max(1, min(request.top_k, MAX_PASSAGES))
        ranked = fuse(hits)[: wanted + SPARE]
        found = await self._read(ranked, state.generation, context)
        chosen = distinct(found, wanted)
        passages = _passages(chosen, ranked)
        if not request.highlights:
            return SearchReply(passages=passages, relevance=relevance(hits))
        texts = [(passage.text, passage.language) for passage in chosen]
        best = await self._highlighting.best(request.query, vector, texts, request.highlights)
        return SearchReply(
            passages=passages, highlights=best.sentences, relevance=relevance(hits, best.cosine)
        )

    async def _state(self, request: Search, context: Context) -> tuple[PointsRow | None, list[str | None]]:
        """What is known of the bot's points, and the languages of its chunks."""
        async with self._database.tenant(context.scope) as connection:
            state = await self._bots.read(connection, request.bot_id)
            return state, await self._rows.languages(connection, request.bot_id)

    async def _read(self, ranked: Sequence[Hit], generation: int, context: Context) -> list[PassageRow]:
        """The rows of the hits in their order; one that was collected since is left out."""
        ids = [hit.point_id for hit in ranked]
        async with self._database.tenant(context.scope) as connection:
            rows = await self._rows.passages(connection, ids, generation)
        return [rows[point] for point in ids if point in rows]


def _passages(chosen: Sequence[PassageRow], ranked: Sequence[Hit]) -> list[Passage]:
    scores = {hit.point_id: hit.score for hit in ranked}
    return [
        Passage(
            chunk_id=row.chunk_id,
            source_id=row.source_id,
            ordinal=row.ordinal,
            score=scores[row.chunk_id],
            header=row.header,
            text=row.text,
            title=row.title,
            url=row.url,
            page=row.page,
            heading=row.heading,
            anchor=row.anchor,
        )
        for row in chosen
    ]
