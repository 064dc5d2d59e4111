"""What may be asked of retrieval: to take in chunks, to make a version visible, to search."""

from typing import ClassVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from minirag_contracts.requests.base import Reply, Request


class RetrievalRequest(Request):
    """Anything asked of retrieval."""

    service: ClassVar[str] = "retrieval"


class Chunk(Reply):
    """A passage of a source's version, in the order of ``ordinal`` (from 0).

    ``header`` (title and heading path) is embedded and searched together with ``text``.
    """

    ordinal: int
    header: str = ""
    text: str = Field(repr=False)
    title: str | None = None
    url: str | None = None
    page: int | None = None
    heading: str | None = None
    anchor: str | None = None
    """Fragment of ``url``, or ``file#fragment`` inside an EPUB, at which the passage begins."""
    language: str | None = None
    """ISO 639-1 code that chooses the stemmer; None where nobody knows."""


class ChunksStaged(Reply):
    """How many of the batch had to be embedded, and how many were known already."""

    embedded: int
    carried: int


class StageChunks(RetrievalRequest):
    """Embed and store a batch of a version's chunks, invisible until the version is activated. Safe to repeat."""

    verb: ClassVar[str] = "chunks.stage"
    Returns: ClassVar[type[Reply]] = ChunksStaged

    bot_id: UUID
    source_id: UUID
    version: int
    chunks: list[Chunk]


class Activated(Reply):
    """From ``generation`` on the bot answers from this version."""

    generation: int
    chunk_count: int


class ActivateVersion(RetrievalRequest):
    """Make a staged version visible and its predecessor invisible, in one step. Safe to repeat.

    ``incomplete_version`` when fewer chunks than ``chunk_count`` were staged, ``source_hidden`` when the source was hidden
    up to this version.
    """

    verb: ClassVar[str] = "versions.activate"
    Returns: ClassVar[type[Reply]] = Activated

    bot_id: UUID
    source_id: UUID
    version: int
    chunk_count: int


class HideSource(BaseModel):
    """A source of which no version up to ``version`` may be visible any more."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    source_id: UUID
    version: int = Field(ge=0)


class Hidden(Reply):
    """Nothing of these sources is found from ``generation`` on; ``removed`` chunks were hidden by this request."""

    generation: int
    removed: int


class HideSources(RetrievalRequest):
    """Hide sources of a bot, all in one step, and keep their versions hidden whenever one is activated later.

    Safe to repeat, and harmless when it comes late: a version newer than the given one stays visible.
    """

    verb: ClassVar[str] = "sources.hide"
    Returns: ClassVar[type[Reply]] = Hidden

    bot_id: UUID
    sources: list[HideSource]


class Passage(Reply):
    """A found chunk. ``score`` is the fused score in 0…1, comparable within one answer only."""

    chunk_id: UUID
    source_id: UUID
    ordinal: int
    score: float
    header: str
    text: str = Field(repr=False)
    title: str | None = None
    url: str | None = None
    page: int | None = None
    heading: str | None = None
    anchor: str | None = None


class Highlight(Reply):
    """A sentence of the passages that answers the query best; ``passage`` counts from 0."""

    passage: int
    sentence: str = Field(repr=False)
    score: float


class SearchReply(Reply):
    """Best first. With highlights, nothing relevant was found when ``relevance`` is below about .33.

    ``relevance`` is the best cosine similarity of a chunk or, where highlights were asked for, of one of their candidate
    sentences, less .03 times the natural logarithm of the number of chunks compared (at most 50); 0 where there were none.
    """

    passages: list[Passage]
    highlights: list[Highlight] = []
    relevance: float


class Search(RetrievalRequest):
    """Hybrid search in what one bot knows. ``highlights`` asks for that many best sentences."""

    verb: ClassVar[str] = "search"
    Returns: ClassVar[type[Reply]] = SearchReply

    bot_id: UUID
    query: str = Field(repr=False)
    top_k: int = 5
    highlights: int = 0


class IndexSummary(Reply):
    """The tenant's index in figures: chunks that answer now, and generations of all its bots together."""

    points_count: int
    generation_count: int


class GetIndexSummary(RetrievalRequest):
    """How large the tenant's index is."""

    verb: ClassVar[str] = "index.summary"
    Returns: ClassVar[type[Reply]] = IndexSummary
