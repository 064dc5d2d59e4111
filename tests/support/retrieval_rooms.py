"""The use cases joined as the bootstrap joins them, for tests that go past the bus."""

import hashlib
import re
from collections.abc import Sequence
from uuid import UUID, uuid4

import numpy as np
from minirag_contracts.context import Context, TenantScope
from minirag_contracts.ids import new_id
from minirag_contracts.requests.retrieval import (
    Activated,
    ActivateVersion,
    Chunk,
    ChunksStaged,
    Hidden,
    HideSource,
    HideSources,
    Search,
    SearchReply,
    StageChunks,
)
from minirag_eventstore import Database, EventStore
from minirag_retrieval.adapters.bm25 import SENTENCE_TERMS, Bm25Encoder
from minirag_retrieval.adapters.bot_rows import PostgresBotRows
from minirag_retrieval.adapters.chunk_rows import PostgresChunkRows
from minirag_retrieval.commands.activation import Activations
from minirag_retrieval.commands.collection import Collection
from minirag_retrieval.commands.hiding import Hidings
from minirag_retrieval.commands.points import BotPoints
from minirag_retrieval.commands.restoring import Restoring
from minirag_retrieval.commands.staging import Staging
from minirag_retrieval.commands.switching import Switches
from minirag_retrieval.ports import Embedder, Vector, VectorIndex
from minirag_retrieval.projections import PROJECTIONS
from minirag_retrieval.queries import Searching
from minirag_retrieval.queries.highlights import Highlighting


class WordEmbedder:
    """A vector that sums a fixed direction for each word: equal texts are equal, common words make them near."""

    model_id = "words"

    def __init__(self) -> None:
        self.embedded: list[str] = []

    async def embed_query(self, text: str) -> Vector:
        return _direction(text)

    async def embed_short(self, texts: Sequence[str]) -> list[Vector]:
        return [_direction(text) for text in texts]

    async def embed_batch(self, texts: Sequence[str], scope: TenantScope) -> list[Vector]:
        self.embedded += texts
        return [_direction(text) for text in texts]


def _direction(text: str) -> Vector:
    total = np.full(384, 1e-3, np.float32)
    for word in re.findall(r"\w+", text.lower().replace("the ", "")):
        seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:4])
        total += np.random.default_rng(seed).standard_normal(384).astype(np.float32)
    unit: Vector = total / np.float32(np.linalg.norm(total))
    return unit


class NoSeal:
    """Nothing that retrieval answers is a secret."""

    def seal(self, plain: bytes) -> bytes:
        return plain

    def open(self, sealed: bytes) -> bytes:
        return sealed


class Rooms:
    """One retrieval service without bus; several of them may share a database and an engine."""

    def __init__(self, database: Database, index: VectorIndex, embedder: Embedder) -> None:
        self.database, self.index, self.embedder = database, index, embedder
        self.store = EventStore("retrieval", database, PROJECTIONS, NoSeal())
        self.rows, self.bots = PostgresChunkRows(), PostgresBotRows(database)
        encoder = Bm25Encoder()
        self.points = BotPoints(self.rows, self.bots, index, encoder)
        self.staging = Staging(self.store, self.rows, self.bots, index, embedder, encoder)
        switches = Switches(self.bots, index, self.points)
        self.activations = Activations(self.store, self.rows, self.bots, self.points, switches)
        self.hidings = Hidings(self.store, self.rows, self.bots, self.points, switches)
        self.collection = Collection(self.store, self.rows, index)
        self.restoring = Restoring(self.store, self.rows, self.bots, index, self.points)
        highlighting = Highlighting(embedder, Bm25Encoder(SENTENCE_TERMS))
        self.searching = Searching(database, self.rows, self.bots, index, embedder, encoder, highlighting)


class Source:
    """A source of a bot of a tenant, driven as ingest drives it."""

    def __init__(self, rooms: Rooms, scope: TenantScope | None = None, bot_id: UUID | None = None) -> None:
        self.rooms = rooms
        self.scope = scope or TenantScope(uuid4())
        self.bot_id, self.source_id = bot_id or new_id(), new_id()

    @property
    def context(self) -> Context:
        return Context(actor="system:test", tenant_id=self.scope.tenant_id, correlation_id=new_id())

    async def stage(self, version: int, *chunks: str | Chunk) -> ChunksStaged:
        listed = [a_chunk(c, ordinal=n) if isinstance(c, str) else c for n, c in enumerate(chunks)]
        request = StageChunks(bot_id=self.bot_id, source_id=self.source_id, version=version, chunks=listed)
        return await self.rooms.staging.stage(request, self.context)

    async def activate(self, version: int, chunk_count: int) -> Activated:
        request = ActivateVersion(
            bot_id=self.bot_id, source_id=self.source_id, version=version, chunk_count=chunk_count
        )
        return await self.rooms.activations.activate(request, self.context)

    async def ingest(self, version: int, *chunks: str | Chunk) -> Activated:
        await self.stage(version, *chunks)
        return await self.activate(version, len(chunks))

    async def hide(self, version: int, *others: "Source") -> Hidden:
        sources = [HideSource(source_id=source.source_id, version=version) for source in (self, *others)]
        return await self.rooms.hidings.hide(HideSources(bot_id=self.bot_id, sources=sources), self.context)

    async def ask(self, query: str, **options: int) -> SearchReply:
        request = Search(bot_id=self.bot_id, query=query, **options)
        return await self.rooms.searching.search(request, self.context)

    async def texts(self, query: str, **options: int) -> list[str]:
        return [passage.text for passage in (await self.ask(query, **options)).passages]


def a_chunk(text: str, *, ordinal: int = 0, header: str = "", **shown: str | int) -> Chunk:
    return Chunk.model_validate({"ordinal": ordinal, "header": header, "text": text, **shown})
