"""Texts to vectors."""

from collections.abc import Collection, Iterable, Sequence
from typing import Protocol

from minirag_contracts.context import TenantScope

from minirag_retrieval.ports.index import SparseVector, Vector


class EmbedderBusy(Exception):
    """A provider of embeddings has had enough for now (429); ``retry_after`` in seconds is what it asked for."""

    def __init__(self, retry_after: float) -> None:
        super().__init__(f"asked again in {retry_after:g} s")
        self.retry_after = retry_after


class Embedder(Protocol):
    """Texts to vectors of length 1."""

    @property
    def model_id(self) -> str:
        """Names the model that made a vector."""
        ...

    async def embed_query(self, text: str) -> Vector:
        """One short text, ahead of all bulk work."""
        ...

    async def embed_batch(self, texts: Sequence[str], scope: TenantScope) -> list[Vector]:
        """Many texts, in the order given, behind all queries; tenants take turns. Raises EmbedderBusy when a provider wants us
        to come back later.
        """
        ...

    async def embed_short(self, texts: Sequence[str]) -> list[Vector]:
        """A few sentences for which somebody waits."""
        ...


class SparseEncoder(Protocol):
    """BM25 weights of documents, terms of queries."""

    @property
    def languages(self) -> Collection[str]:
        """ISO 639-1 codes of those that it tells apart."""
        ...

    def document(self, text: str, language: str | None = None) -> SparseVector:
        """Term frequencies, saturated and normalised by length. ``language`` is an ISO 639-1 code, if it is known."""
        ...

    def query(self, text: str, languages: Iterable[str | None] = (None,)) -> SparseVector:
        """Each term once, for documents in any of these languages."""
        ...
