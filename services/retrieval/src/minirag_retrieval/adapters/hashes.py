"""Vectors that mean nothing and cost nothing, for measuring what everything else costs. Words still find passages."""

import hashlib
from collections.abc import Sequence

import numpy as np
from minirag_contracts.context import TenantScope

from minirag_retrieval.ports import Vector

DIMENSIONS = 384


class HashEmbedder:
    """``Embedder`` whose vectors are hashes of the texts, of length 1."""

    model_id = "hash/1"

    async def load(self) -> None:
        """There is nothing to load."""

    async def check(self) -> None:
        """Always well."""

    async def embed_query(self, text: str) -> Vector:
        """A few microseconds."""
        return _vector(text)

    async def embed_short(self, texts: Sequence[str]) -> list[Vector]:
        """As long as that for each."""
        return [_vector(text) for text in texts]

    async def embed_batch(self, texts: Sequence[str], scope: TenantScope) -> list[Vector]:
        """As long as that for each."""
        return [_vector(text) for text in texts]

    async def close(self) -> None:
        """There is nothing to close."""


def _vector(text: str) -> Vector:
    digest = hashlib.shake_128(text.encode(errors="surrogatepass")).digest(DIMENSIONS)
    numbers = np.frombuffer(digest, np.int8).astype(np.float32)
    unit: Vector = numbers / np.float32(np.linalg.norm(numbers))
    return unit
