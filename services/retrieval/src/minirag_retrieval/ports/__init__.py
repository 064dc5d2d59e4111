"""What retrieval needs from outside systems."""

from minirag_retrieval.ports.bot_rows import BotRows, PointsRow, VersionRow
from minirag_retrieval.ports.chunk_rows import ChunkRows, Member, PassageRow, StoredChunk, span_of
from minirag_retrieval.ports.embedding import Embedder, EmbedderBusy, SparseEncoder
from minirag_retrieval.ports.index import (
    NEVER,
    Hit,
    Hits,
    IndexPoint,
    Span,
    SparseVector,
    StoreStatus,
    Vector,
    VectorIndex,
)

__all__ = [
    "NEVER",
    "BotRows",
    "ChunkRows",
    "Embedder",
    "EmbedderBusy",
    "Hit",
    "Hits",
    "IndexPoint",
    "Member",
    "PassageRow",
    "PointsRow",
    "Span",
    "SparseEncoder",
    "SparseVector",
    "StoreStatus",
    "StoredChunk",
    "Vector",
    "VectorIndex",
    "VersionRow",
    "span_of",
]
