"""Texts to vectors."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from minirag_retrieval.ports.index import SparseVector, Vector


class Embedder(Protocol):
    """Texts to vectors of length 1."""

    model_id: str

    async def embed_query(self, text: str) -> Vector:
        """One short text, ahead of all bulk work."""
        ...

    async def embed_batch(self, texts: Sequence[str]) -> list[Vector]:
        """Many texts, in the order given, behind all queries."""
        ...

    async def embed_short(self, texts: Sequence[str]) -> list[Vector]:
        """A few sentences for which somebody waits."""
        ...


class SparseEncoder(Protocol):
    """BM25 weights of documents, terms of queries."""

    def document(self, text: str, language: str | None = None) -> SparseVector:
        """Term frequencies, saturated and normalised by length. ``language`` is an ISO 639-1 code, if it is known."""
        ...

    def query(self, text: str, languages: Iterable[str | None] = (None,)) -> SparseVector:
        """Each term once, for documents in any of these languages."""
        ...
