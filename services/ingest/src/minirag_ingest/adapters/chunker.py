"""Chunking beside the loop: long documents in a thread, short ones in place."""

import asyncio
from collections.abc import Sequence

from minirag_contracts.requests.retrieval import Chunk

from minirag_ingest.domain.chunking import chunks_of
from minirag_ingest.domain.units import CountTokens
from minirag_ingest.ports import StoredDocument

SHORT = 4000
"""Characters; chunking them takes about a millisecond."""


class SentenceChunker:
    """The port Chunker."""

    def __init__(self, count: CountTokens) -> None:
        self._count = count

    async def chunk(self, stored: StoredDocument) -> Sequence[Chunk]:
        """All chunks of a document."""
        if stored.document.characters <= SHORT:
            return self._chunk(stored)
        return await asyncio.to_thread(self._chunk, stored)

    def _chunk(self, stored: StoredDocument) -> list[Chunk]:
        return chunks_of(stored.document, stored.title, stored.url, self._count)
