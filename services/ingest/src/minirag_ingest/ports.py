"""What the use cases need from outside."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol
from uuid import UUID

from minirag_contracts.context import Context, TenantScope
from minirag_contracts.requests.ingest import SourceList, SourceRead
from minirag_contracts.requests.retrieval import Activated, Chunk
from minirag_eventstore import Transaction

from minirag_ingest.domain.document import Document


@dataclass(frozen=True, slots=True)
class Raw:
    """Bytes to be read as a document. A file has a ``filename``; a page has the type and encoding that HTTP announced, if any."""

    data: bytes = field(repr=False)
    filename: str | None = None
    media_type: str | None = None
    charset: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """What a URL led to. ``url`` is the last one, after redirects."""

    raw: Raw
    url: str


@dataclass(frozen=True, slots=True)
class SourceContent:
    """What a client gave us for a source: its whole configuration, and the text or file if there is one."""

    config: dict[str, Any]
    body: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """The text of one version, with the title and URL that citations show."""

    title: str
    url: str | None
    document: Document = field(repr=False)


class LastingFailure(Exception):
    """This version can never be made. ``code`` is stable, ``str()`` a sentence for people."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


class Unreadable(LastingFailure):
    """The bytes cannot be read as a document."""


class TemporaryFailure(Exception):
    """A later attempt may succeed; ``str()`` is a sentence for people. ``retry_after``: what the other side asked for."""

    code = "fetch_failed"

    def __init__(self, sentence: str, retry_after: timedelta | None = None) -> None:
        super().__init__(sentence)
        self.retry_after = retry_after


class ExtractionInterrupted(TemporaryFailure):
    """The process that read the document was ended from outside."""

    code = "interrupted"


class Extractor(Protocol):
    """Bytes → Document, without blocking the caller's loop."""

    async def extract(self, raw: Raw) -> Document:
        """Raises Unreadable and ExtractionInterrupted."""


class Fetcher(Protocol):
    """The web, guarded."""

    def check(self, url: str) -> None:
        """Raises LastingFailure for a URL that may not be fetched as far as its form goes."""

    async def fetch(self, url: str) -> Page:
        """A page or file; raises LastingFailure and TemporaryFailure."""


class Chunker(Protocol):
    """Document → chunks as retrieval takes them, the same ones for the same document."""

    async def chunk(self, stored: StoredDocument) -> Sequence[Chunk]:
        """All chunks, in reading order."""


@dataclass(frozen=True, slots=True)
class Target:
    """The version of a source that is being made."""

    bot_id: UUID
    source_id: UUID
    version: int


class Index(Protocol):
    """Retrieval. Raises Unavailable when it does not answer, TemporaryFailure and LastingFailure for what it refuses."""

    async def stage(self, context: Context, target: Target, chunks: Sequence[Chunk]) -> None:
        """Takes in one batch, invisibly; safe to repeat."""

    async def activate(self, context: Context, target: Target, chunk_count: int) -> Activated:
        """Makes the version visible in one step; safe to repeat."""


class Bots(Protocol):
    """Which bots exist: what events have told, and their owner for those that events have not told yet."""

    async def exists(self, context: Context, bot_id: UUID) -> bool:
        """Whether the tenant has this bot; raises Unavailable when nobody can tell."""


class Transfer(Protocol):
    """Where uploads wait for their owner."""

    async def read(self, object_name: str, limit: int) -> bytes:
        """The bytes, at most ``limit`` + 1 of them; raises UploadGone."""

    async def discard(self, object_name: str) -> None:
        """Deletes them; a failure to do so is logged, since they expire anyway."""


class Disk(Protocol):
    """The disk that everything is kept on."""

    def free(self) -> int:
        """Bytes."""


class Runner(Protocol):
    """Runs leased work."""

    async def add(self, transaction: Transaction, key: str, payload: dict[str, Any] | None = None) -> None:
        """Adds a piece of work that exists if the transaction commits, and starts it where there is room."""


class SourceRows(Protocol):
    """Rows of sources, of the transaction's tenant."""

    async def get(self, tx: Transaction, source_id: UUID) -> SourceRead | None:
        """One source; None for an unknown or foreign one."""

    async def page(self, tx: Transaction, bot_id: UUID | None, limit: int, cursor: str | None) -> SourceList:
        """Active top-level sources, newest first; raises InvalidRequest for a foreign cursor."""


class ContentRows(Protocol):
    """What was given, and what was made of it; content, so no projection."""

    async def keep(self, tx: Transaction, source_id: UUID, content: SourceContent, salt: bytes) -> None:
        """Stores what was given."""

    async def content(self, tx: Transaction, source_id: UUID) -> SourceContent | None:
        """What was given; None once it is erased."""

    async def document(self, scope: TenantScope, target: Target) -> StoredDocument | None:
        """The stored text of a version."""

    async def keep_document(self, scope: TenantScope, target: Target, stored: StoredDocument) -> None:
        """Stores the text of a version; one that is there already stays."""

    async def drop_documents(self, tx: Transaction, source_id: UUID, before_version: int) -> None:
        """Forgets the text of versions lower than this one."""
