"""What the use cases need from outside."""

from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol
from uuid import UUID

from minirag_contracts.context import Context, TenantScope
from minirag_contracts.requests.ingest import SourceList, SourceRead, SourcesSummary
from minirag_contracts.requests.retrieval import Activated, Chunk
from minirag_contracts.signals import Progress
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


class Busy(Exception):
    """Somebody wants us to come back later, which slows the work down and never fails it: a provider's rate limit."""

    def __init__(self, retry_after: timedelta) -> None:
        super().__init__("comes back later")
        self.retry_after = retry_after


WORKING_FOR: ContextVar[UUID | None] = ContextVar("working_for", default=None)
"""The tenant whose ingestion this task makes: those who read documents take turns by it."""


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
    """Retrieval. Raises Unavailable when it does not answer, Busy when it can do no more at the moment, TemporaryFailure and
    LastingFailure for what it refuses.
    """

    async def stage(self, context: Context, target: Target, chunks: Sequence[Chunk]) -> None:
        """Takes in one batch, invisibly; safe to repeat."""

    async def activate(self, context: Context, target: Target, chunk_count: int) -> Activated:
        """Makes the version visible in one step; safe to repeat."""

    async def hide(self, context: Context, bot_id: UUID, versions: Mapping[UUID, int]) -> None:
        """When it returns, no version of these sources up to the given one is found, now or later; safe to repeat."""


class ProgressSignal(Protocol):
    """Tells whoever listens at this moment how far an ingestion has come."""

    async def tell(self, scope: TenantScope, progress: Progress) -> None:
        """Best effort; never raises for a bus that is away."""


class Bots(Protocol):
    """Which bots are active: what events have told, and their owner for those that events have not told yet."""

    async def is_active(self, context: Context, bot_id: UUID) -> bool:
        """Whether the tenant has this bot and it is active; raises Unavailable when nobody can tell."""


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


@dataclass(frozen=True, slots=True)
class Selection:
    """Which active sources a list is of: those at the top, those of one parent, or all."""

    bot_id: UUID | None = None
    parent_id: UUID | None = None
    flat: bool = False


@dataclass(frozen=True, slots=True)
class GoneSource:
    """A source that was deactivated, and the last version of it that was asked for."""

    source_id: UUID
    bot_id: UUID
    version: int


class SourceRows(Protocol):
    """Rows of sources, of the transaction's tenant."""

    async def get(self, tx: Transaction, source_id: UUID) -> SourceRead | None:
        """One source; None for an unknown or foreign one."""

    async def listed(self, tx: Transaction, source_ids: Sequence[UUID]) -> list[SourceRead]:
        """These sources, in this order."""

    async def page(self, tx: Transaction, which: Selection, limit: int, cursor: str | None) -> SourceList:
        """Active sources, newest first; raises InvalidRequest for a foreign cursor."""

    async def children(self, tx: Transaction, parent_id: UUID, limit: int, cursor: str | None) -> SourceList:
        """A source's active children, oldest first; raises InvalidRequest for a foreign cursor."""

    async def summary(self, tx: Transaction) -> SourcesSummary:
        """The tenant's active sources in figures."""

    async def active_count(self, tx: Transaction) -> int:
        """How many active sources the tenant has."""

    async def queued_count(self, tx: Transaction) -> int:
        """How many ingestions of the tenant wait or run."""

    async def lock(self, tx: Transaction, source_id: UUID) -> None:
        """From here to the end of the transaction nobody else changes this source. Parents are locked before children."""

    async def parent_of(self, tx: Transaction, source_id: UUID) -> UUID | None:
        """Its parent, if it has one."""

    async def lock_children(self, tx: Transaction, parent_id: UUID, *, active: bool) -> list[UUID]:
        """Locks the active children, or else those that went with their parent, in the order of their creation."""

    async def gone(self, tx: Transaction, source_id: UUID) -> list[GoneSource]:
        """Of this source and its children those that are deactivated and of which a version was ever asked for."""


class ContentRows(Protocol):
    """What was given, and what was made of it; content, so no projection."""

    async def keep(self, tx: Transaction, source_id: UUID, content: SourceContent, salt: bytes) -> None:
        """Stores what was given, in the place of what was given before."""

    async def content(self, tx: Transaction, source_id: UUID) -> SourceContent | None:
        """What was given; None once it is erased."""

    async def outline(self, tx: Transaction, source_id: UUID) -> tuple[dict[str, Any], bool]:
        """The whole configuration, and whether there is a text or file."""

    async def document(self, scope: TenantScope, target: Target) -> StoredDocument | None:
        """The stored text of a version."""

    async def keep_document(self, scope: TenantScope, target: Target, stored: StoredDocument) -> None:
        """Stores the text of a version; one that is there already stays."""

    async def drop_documents(self, tx: Transaction, source_id: UUID, before_version: int) -> None:
        """Forgets the text of versions lower than this one."""
