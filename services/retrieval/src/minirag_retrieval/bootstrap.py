"""The one place that joins ports and adapters."""

import logging

from minirag_service import Runtime

from minirag_retrieval.adapters.bm25 import SENTENCE_TERMS, Bm25Encoder
from minirag_retrieval.adapters.bot_rows import PostgresBotRows
from minirag_retrieval.adapters.chunk_rows import PostgresChunkRows
from minirag_retrieval.adapters.edge import EdgeIndex
from minirag_retrieval.adapters.hashes import HashEmbedder
from minirag_retrieval.adapters.measured import MeasuredEmbedder
from minirag_retrieval.adapters.minilm import MiniLm
from minirag_retrieval.commands.activation import Activations
from minirag_retrieval.commands.collection import Collection
from minirag_retrieval.commands.erasing import Erasing
from minirag_retrieval.commands.hiding import Hidings
from minirag_retrieval.commands.points import BotPoints
from minirag_retrieval.commands.restoring import Restoring
from minirag_retrieval.commands.staging import Staging
from minirag_retrieval.commands.switching import Switches
from minirag_retrieval.entrypoints import background, rpc
from minirag_retrieval.model_files import default_folder
from minirag_retrieval.ports import VectorIndex
from minirag_retrieval.queries import Searching
from minirag_retrieval.queries.highlights import Highlighting
from minirag_retrieval.queries.summary import Summary
from minirag_retrieval.settings import Settings

log = logging.getLogger(__name__)


async def assemble(runtime: Runtime, settings: Settings) -> None:
    """Registers what this service answers and what it runs."""
    rows, bots = PostgresChunkRows(), PostgresBotRows(runtime.database)
    index, encoder = vector_index(settings), Bm25Encoder()
    model = embedding_model(settings)
    embedder = MeasuredEmbedder(model)
    points = BotPoints(rows, bots, index, encoder)
    switches = Switches(bots, index, points)
    highlighting = Highlighting(embedder, Bm25Encoder(SENTENCE_TERMS))
    rpc.register(
        runtime,
        Staging(runtime.store, rows, bots, index, embedder, encoder),
        Activations(runtime.store, rows, bots, points, switches),
        Hidings(runtime.store, rows, bots, points, switches),
        Searching(runtime.database, rows, bots, index, embedder, encoder, highlighting),
        Summary(runtime.database, rows, bots),
    )
    background.register(
        runtime,
        Collection(runtime.store, rows, index),
        Restoring(runtime.store, rows, bots, index, points),
        model.load,
        model.check,
    )
    runtime.erases(Erasing(index).points)
    runtime.on_stop(index.close)
    runtime.on_stop(model.close)


def embedding_model(settings: Settings) -> MiniLm | HashEmbedder:
    """The local model, unless somebody measures what everything else costs."""
    if settings.retrieval_embedder == "hash":
        log.warning("vectors mean nothing: MINIRAG_RETRIEVAL_EMBEDDER=hash is for measuring")
        return HashEmbedder()
    return MiniLm(settings.model_dir or default_folder(), settings.retrieval_bulk_threads)


def vector_index(settings: Settings) -> VectorIndex:
    """The server if there is one, else the embedded engine. The server's client is imported only where it is used."""
    if settings.qdrant_url:
        from qdrant_client import AsyncQdrantClient

        from minirag_retrieval.adapters.qdrant import QdrantIndex

        key = settings.qdrant_api_key.get_secret_value() if settings.qdrant_api_key else None
        client = AsyncQdrantClient(
            settings.qdrant_url, api_key=key, check_compatibility=False
        )  # the index does
        return QdrantIndex(client, replication=settings.qdrant_replication)
    assert settings.vectors_socket is not None  # the settings refuse to be without either
    return EdgeIndex(settings.vectors_socket)
