"""The embedding model, counted and traced."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from minirag_contracts import tracing
from minirag_contracts.context import TenantScope
from prometheus_client import Counter, Histogram

from minirag_retrieval.ports import Embedder, Vector

SECONDS = Histogram(
    "minirag_embedding_seconds",
    "Calls of the embedding model, waits included: a query, short sentences, a batch of chunks.",
    ("kind", "outcome"),
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
TEXTS = Counter("minirag_embedded_texts_total", "Texts that became vectors.", ("kind",))


@dataclass(frozen=True, slots=True)
class MeasuredEmbedder:
    """Any embedder, measured."""

    inner: Embedder

    @property
    def model_id(self) -> str:
        """As the inner one."""
        return self.inner.model_id

    async def embed_query(self, text: str) -> Vector:
        """As the inner one."""
        with self._measured("query", 1):
            return await self.inner.embed_query(text)

    async def embed_batch(self, texts: Sequence[str], scope: TenantScope) -> list[Vector]:
        """As the inner one."""
        with self._measured("batch", len(texts)):
            return await self.inner.embed_batch(texts, scope)

    async def embed_short(self, texts: Sequence[str]) -> list[Vector]:
        """As the inner one."""
        with self._measured("short", len(texts)):
            return await self.inner.embed_short(texts)

    @contextmanager
    def _measured(self, kind: str, texts: int) -> Iterator[None]:
        attributes: dict[str, tracing.Value] = {
            "gen_ai.operation.name": "embeddings",
            "gen_ai.request.model": self.model_id,
            "minirag.texts": texts,
        }
        began, outcome = time.perf_counter(), "failed"
        try:
            with tracing.span(f"embed {kind}", attributes):
                yield
            outcome = "ok"
            TEXTS.labels(kind).inc(texts)
        finally:
            SECONDS.labels(kind, outcome).observe(time.perf_counter() - began)
