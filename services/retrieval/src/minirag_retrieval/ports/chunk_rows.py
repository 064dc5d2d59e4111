"""The content tables: passages with their vectors, and which of them make up a version."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from minirag_contracts.context import TenantScope
from minirag_eventstore import Connection

from minirag_retrieval.ports.index import NEVER, Span


@dataclass(frozen=True, slots=True)
class StoredChunk:
    """A row of ``chunks``: what is shown, and its vector as little-endian float32."""

    chunk_id: UUID
    bot_id: UUID
    source_id: UUID
    content_hash: bytes
    embed_hash: bytes
    header: str
    text: str
    title: str | None
    url: str | None
    page: int | None
    heading: str | None
    vector: bytes
    from_gen: int | None = None
    to_gen: int | None = None
    anchor: str | None = None
    language: str | None = None

    @property
    def embedded_text(self) -> str:
        """What the model and BM25 read: the header, then the text."""
        return f"{self.header}\n{self.text}" if self.header else self.text

    @property
    def span(self) -> Span:
        """Where Postgres says that the point is visible."""
        return span_of(self.from_gen, self.to_gen)


def span_of(from_gen: int | None, to_gen: int | None) -> Span:
    """Null in Postgres is ``NEVER`` in the engine."""
    return Span(NEVER if from_gen is None else from_gen, NEVER if to_gen is None else to_gen)


@dataclass(frozen=True, slots=True)
class Member:
    """A chunk of a version, at its first place; ``from_gen`` and ``to_gen`` are the chunk's."""

    chunk_id: UUID
    ordinal: int
    from_gen: int | None
    to_gen: int | None


@dataclass(frozen=True, slots=True)
class PassageRow:
    """What is shown of a found chunk."""

    chunk_id: UUID
    source_id: UUID
    ordinal: int
    header: str
    text: str
    title: str | None
    url: str | None
    page: int | None
    heading: str | None
    anchor: str | None = None
    language: str | None = None


class ChunkRows(Protocol):
    """The content tables, inside a transaction of one tenant."""

    async def live(
        self, connection: Connection, source_id: UUID, hashes: Sequence[bytes], own_ids: Sequence[UUID]
    ) -> dict[bytes, UUID]:
        """Content hash → chunk, for chunks that are current or among ``own_ids``."""
        ...

    async def vectors(
        self, connection: Connection, source_id: UUID, embed_hashes: Sequence[bytes]
    ) -> dict[bytes, bytes]:
        """Embed hash → vector, from any chunk of the source."""
        ...

    async def stage(
        self,
        connection: Connection,
        scope: TenantScope,
        version: int,
        chunks: Sequence[StoredChunk],
        members: Sequence[tuple[UUID, int, UUID]],
    ) -> None:
        """Adds chunks that are not there yet, and (source, ordinal, chunk) to the version."""
        ...

    async def members(self, connection: Connection, source_id: UUID, version: int) -> list[Member]:
        """The distinct chunks of a version, in order."""
        ...

    async def staged(self, connection: Connection, source_id: UUID, version: int, chunk_count: int) -> int:
        """How many of the first ``chunk_count`` places of a version are filled."""
        ...

    async def truncate(self, connection: Connection, source_id: UUID, version: int, chunk_count: int) -> None:
        """Forgets the places from ``chunk_count`` on, which an earlier attempt at this version left."""
        ...

    async def current(self, connection: Connection, source_ids: Sequence[UUID]) -> dict[UUID, UUID]:
        """Chunk → source, for the chunks of these sources that are visible now."""
        ...

    async def spans(self, connection: Connection, source_id: UUID) -> dict[UUID, Span]:
        """Of all chunks of the source."""
        ...

    async def chunks(self, connection: Connection, chunk_ids: Sequence[UUID]) -> list[StoredChunk]:
        """The chunks with these ids."""
        ...

    async def restage(
        self, connection: Connection, scope: TenantScope, version: int, old: UUID, new: StoredChunk
    ) -> None:
        """Puts ``new`` in the place of a chunk whose life has ended."""
        ...

    async def mark(
        self, connection: Connection, opened: Sequence[UUID], closed: Sequence[UUID], generation: int
    ) -> None:
        """The chunks begin, or end, at a generation."""
        ...

    async def passages(
        self, connection: Connection, chunk_ids: Sequence[UUID], generation: int
    ) -> dict[UUID, PassageRow]:
        """What is shown of chunks, with the place in the version that was visible at the generation."""
        ...

    async def languages(self, connection: Connection, bot_id: UUID) -> list[str | None]:
        """Those that the bot's chunks are in, or were in lately; None for chunks whose language nobody knows."""
        ...

    async def current_after(
        self, connection: Connection, bot_id: UUID, after: UUID, limit: int
    ) -> list[StoredChunk]:
        """A page of the bot's chunks that have not ended, by id."""
        ...

    async def count(self, connection: Connection, bot_id: UUID) -> int:
        """How many chunks of the bot have not ended and were visible once."""
        ...

    async def current_total(self, connection: Connection) -> int:
        """How many chunks of the tenant are visible now."""
        ...

    async def forget_hidden(self, connection: Connection, source_id: UUID, version: int) -> list[UUID]:
        """Drops the places of a source's versions up to this one, unless one of them is visible; answers the chunks that
        are in no version any more.
        """
        ...

    async def forget_versions(self, connection: Connection, source_id: UUID, keep: int) -> list[UUID]:
        """Drops the places of all but the last ``keep`` visible versions and of staged ones that were overtaken;
        answers the chunks that are in no version any more.
        """
        ...

    async def delete(self, connection: Connection, chunk_ids: Sequence[UUID]) -> None:
        """Removes chunks for good, and with the last ones of a language what was known of it."""
        ...
