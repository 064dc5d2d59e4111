"""Takes in a version's chunks, invisible: embeds what is new, carries over what is known."""

import asyncio
import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID
from weakref import WeakValueDictionary

from minirag_contracts.context import Context, TenantScope
from minirag_contracts.errors import TooBusy
from minirag_contracts.ids import derived_id
from minirag_contracts.requests.retrieval import Chunk, ChunksStaged, StageChunks
from minirag_eventstore import Connection, EventStore

from minirag_retrieval.commands.points import point_of
from minirag_retrieval.errors import VersionHidden
from minirag_retrieval.ports import (
    BotRows,
    ChunkRows,
    Embedder,
    EmbedderBusy,
    SparseEncoder,
    StoredChunk,
    Vector,
    VectorIndex,
)

HASH_BYTES = 16
PROVIDER_BUSY = "The provider of embeddings takes no more for the moment."


@dataclass(frozen=True, slots=True)
class Draft:
    """A chunk on its way in; ``own_id`` is its point's id if it turns out to be new in this version."""

    ordinal: int
    chunk: Chunk
    content_hash: bytes
    embed_hash: bytes
    own_id: UUID


class Staging:
    """Answers StageChunks. A repeated batch finds its own rows and does nothing twice."""

    def __init__(
        self,
        store: EventStore,
        rows: ChunkRows,
        bots: BotRows,
        index: VectorIndex,
        embedder: Embedder,
        encoder: SparseEncoder,
    ) -> None:
        self._store = store
        self._rows = rows
        self._bots = bots
        self._index = index
        self._embedder = embedder
        self._encoder = encoder
        self._quiet_until = 0.0
        self._batches: WeakValueDictionary[UUID, asyncio.Lock] = WeakValueDictionary()

    async def stage(self, request: StageChunks, context: Context) -> ChunksStaged:
        """A caller who repeats a batch that is still being embedded waits for it instead of embedding it again."""
        drafts = [self._draft(request, chunk) for chunk in request.chunks]
        lock = self._batches.setdefault(derived_id(*(draft.own_id for draft in drafts)), asyncio.Lock())
        async with lock:
            return await self._stage(request, context, drafts)

    async def _stage(self, request: StageChunks, context: Context, drafts: Sequence[Draft]) -> ChunksStaged:
        """Points first, rows second: what dies between the two is made again under the same ids."""
        places, vectors = await self._known(request, context, drafts)
        fresh = {draft.content_hash: draft for draft in drafts if draft.content_hash not in places}
        unknown = [draft for draft in fresh.values() if draft.embed_hash not in vectors]
        embedded = await self._embed(unknown, context.scope)
        vectors |= embedded
        chunks = [_stored(request, draft, vectors[draft.embed_hash]) for draft in fresh.values()]
        await self._index.insert(context.scope, [point_of(chunk, self._encoder) for chunk in chunks])
        places |= {chunk.content_hash: chunk.chunk_id for chunk in chunks}
        members = [(request.source_id, draft.ordinal, places[draft.content_hash]) for draft in drafts]
        async with self._store.transaction(context.scope) as transaction:
            await self._rows.stage(transaction.connection, context.scope, request.version, chunks, members)
        return ChunksStaged(embedded=len(embedded), carried=len(drafts) - len(embedded))

    async def _known(
        self, request: StageChunks, context: Context, drafts: Sequence[Draft]
    ) -> tuple[dict[bytes, UUID], dict[bytes, bytes]]:
        """Chunks that need no point any more, by content; and vectors of texts that were embedded before."""
        hashes, ids = [draft.content_hash for draft in drafts], [draft.own_id for draft in drafts]
        async with self._store.database.tenant(context.scope) as connection:
            if await self._is_hidden(connection, request):
                raise VersionHidden
            places = await self._rows.live(connection, request.source_id, hashes, ids)
            wanted = [draft.embed_hash for draft in drafts if draft.content_hash not in places]
            return places, await self._rows.vectors(connection, request.source_id, wanted)

    async def _is_hidden(self, connection: Connection, request: StageChunks) -> bool:
        """Spares the embedding of what can never be activated."""
        hidden = await self._bots.hidden(connection, [request.source_id])
        return request.version <= hidden.get(request.source_id, 0)

    async def _embed(self, drafts: Sequence[Draft], scope: TenantScope) -> dict[bytes, bytes]:
        texts = {draft.embed_hash: _embedded_text(draft.chunk) for draft in drafts}
        vectors = await self._paced(list(texts.values()), scope) if texts else []
        return {key: vector.astype("<f4").tobytes() for key, vector in zip(texts, vectors, strict=True)}

    async def _paced(self, texts: list[str], scope: TenantScope) -> list[Vector]:
        """A provider that wants to be left alone is not asked before its time; the caller comes back then."""
        wait = self._quiet_until - time.monotonic()
        if wait > 0:
            raise TooBusy(PROVIDER_BUSY, wait)
        try:
            return await self._embedder.embed_batch(texts, scope)
        except EmbedderBusy as busy:
            self._quiet_until = max(self._quiet_until, time.monotonic() + busy.retry_after)
            raise TooBusy(PROVIDER_BUSY, busy.retry_after) from busy

    def _draft(self, request: StageChunks, chunk: Chunk) -> Draft:
        chunk = self._clean(chunk)
        model = self._embedder.model_id
        content_hash = _hash(model, *_content(chunk))
        return Draft(
            ordinal=chunk.ordinal,
            chunk=chunk,
            content_hash=content_hash,
            embed_hash=_hash(model, chunk.header, chunk.text),
            own_id=chunk_id_of(request.source_id, request.version, content_hash),
        )

    def _clean(self, chunk: Chunk) -> Chunk:
        """Postgres stores no NUL in texts; a language that the encoder does not know is none."""
        fields = {
            name: getattr(chunk, name) for name in ("header", "text", "title", "url", "heading", "anchor")
        }
        changed = {name: value.replace("\0", "") for name, value in fields.items() if value and "\0" in value}
        if chunk.language is not None and chunk.language not in self._encoder.languages:
            changed["language"] = None
        return chunk.model_copy(update=changed) if changed else chunk


def chunk_id_of(source_id: UUID, version: int, content_hash: bytes) -> UUID:
    """The id of a chunk that first appears in this version; one that comes back later is another one."""
    return derived_id("chunk", source_id, version, content_hash.hex())


def _content(chunk: Chunk) -> list[object]:
    """What is shown of a chunk, and what its point is made of beside its text."""
    shown = [chunk.header, chunk.text, chunk.title, chunk.url, chunk.page, chunk.heading]
    later = [chunk.anchor, chunk.language]
    # A chunk without them is the one that it was before there were any.
    return [*shown, *later] if any(later) else [*shown]


def _hash(*parts: object) -> bytes:
    return hashlib.sha256(json.dumps(parts, ensure_ascii=False).encode(errors="surrogatepass")).digest()[
        :HASH_BYTES
    ]


def _embedded_text(chunk: Chunk) -> str:
    return f"{chunk.header}\n{chunk.text}" if chunk.header else chunk.text


def _stored(request: StageChunks, draft: Draft, vector: bytes) -> StoredChunk:
    chunk = draft.chunk
    return StoredChunk(
        chunk_id=draft.own_id,
        bot_id=request.bot_id,
        source_id=request.source_id,
        content_hash=draft.content_hash,
        embed_hash=draft.embed_hash,
        header=chunk.header,
        text=chunk.text,
        title=chunk.title,
        url=chunk.url,
        page=chunk.page,
        heading=chunk.heading,
        vector=vector,
        anchor=chunk.anchor,
        language=chunk.language,
    )
