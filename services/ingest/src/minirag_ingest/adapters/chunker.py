"""Chunking beside the loop: short documents in place, long ones in a worker process, where a runaway costs one document."""

from collections.abc import Awaitable, Callable, Sequence

from minirag_contracts.requests.retrieval import Chunk

from minirag_ingest.domain.chunking import chunks_of
from minirag_ingest.domain.sizes import Sizes
from minirag_ingest.domain.units import CountTokens
from minirag_ingest.ports import StoredDocument

SHORT = 4000
"""Characters; chunking them takes about a millisecond."""


class SentenceChunker:
    """The port Chunker."""

    def __init__(
        self, count: CountTokens, elsewhere: Callable[[StoredDocument, Sizes], Awaitable[Sequence[Chunk]]]
    ) -> None:
        """``elsewhere`` does the same in another process."""
        self._count = count
        self._elsewhere = elsewhere

    async def chunk(self, stored: StoredDocument, sizes: Sizes) -> Sequence[Chunk]:
        """All chunks of a document."""
        if stored.document.characters <= SHORT:
            return chunks_of(stored.document, stored.title, stored.url, self._count, sizes)
        return await self._elsewhere(stored, sizes)
