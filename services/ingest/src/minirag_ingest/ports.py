"""What the use cases need from outside."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol
from uuid import UUID

from minirag_contracts.context import Context, TenantScope
from minirag_contracts.requests.ingest import (
    IngestionList,
    SourceList,
    SourceRead,
    SourcesSummary,
    VersionList,
)
from minirag_contracts.requests.retrieval import Activated, Chunk
from minirag_contracts.signals import Progress
from minirag_eventstore import Explained, Transaction

from minirag_ingest.domain.crawl_plan import CrawlPlan
from minirag_ingest.domain.document import Document
from minirag_ingest.domain.frontier import Seeds, Visit
from minirag_ingest.domain.sizes import Sizes


@dataclass(frozen=True, slots=True)
class Raw:
    """Bytes to be read as a document. A file has a ``filename``; a page has the type and encoding that HTTP announced, if any."""

    data: bytes = field(repr=False)
    filename: str | None = None
    media_type: str | None = None
    charset: str | None = None


@dataclass(frozen=True, slots=True)
class Validators:
    """What a server said of its answer, and is sent back to ask whether it still holds (RFC 9110 §13)."""

    etag: str | None = None
    last_modified: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """What a URL led to. ``url`` is the last one, after redirects."""

    raw: Raw
    url: str
    validators: Validators = Validators()
    robots_tag: str = ""
    """The header X-Robots-Tag."""


@dataclass(frozen=True, slots=True)
class NotModified:
    """What a URL leads to is still what it was when the validators were given. ``url`` is the last one, after redirects."""

    url: str


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a document on the web came from: the hash of the configuration that was read, what the server said, and the
    links that a crawl followed; None if no crawl has looked at them.
    """

    asked: bytes
    validators: Validators = Validators()
    links: tuple[str, ...] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class SourceContent:
    """What a client gave us for a source: its whole configuration, and the text or file if there is one."""

    config: dict[str, Any]
    body: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """The text of one version, with the title and URL that citations show.

    ``origin`` is kept with it and not given back with it, so that it never becomes that of another version.
    """

    title: str
    url: str | None
    document: Document = field(repr=False)
    origin: Origin | None = field(default=None, repr=False, compare=False)


class LastingFailure(Exception):
    """This version can never be made. ``code`` is stable, ``str()`` a sentence for people."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


class Answered(LastingFailure):
    """The URL answered with a status that is no page; asking again soon is of no use."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__("fetch_failed", sentence)
        self.status = status


class Unreadable(LastingFailure):
    """The bytes cannot be read as a document."""


class TemporaryFailure(Explained):
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
        super().__init__("Indexing was asked to slow down; it goes on by itself.")
        self.retry_after = retry_after


class Extractor(Protocol):
    """Bytes → Document, without blocking the caller's loop."""

    async def extract(self, raw: Raw) -> Document:
        """Raises Unreadable and ExtractionInterrupted."""


@dataclass(frozen=True, slots=True)
class ArchivedFile:
    """A file in an archive that can be taken, with the bytes that it has when unpacked."""

    index: int
    path: str
    size: int


@dataclass(frozen=True, slots=True)
class SkippedFile:
    """A file in an archive that is left out, and why."""

    path: str
    reason: str


class OpenArchive(Protocol):
    """An archive that was looked through."""

    @property
    def is_document(self) -> bool:
        """Whether it is an office document or a book, which are archives too; then it has no files."""

    @property
    def files(self) -> tuple[ArchivedFile, ...]:
        """What can be taken."""

    @property
    def skipped(self) -> tuple[SkippedFile, ...]:
        """What is left out."""

    async def read(self, file: ArchivedFile) -> bytes | None:
        """The file; None if it is damaged. Raises Unreadable and ExtractionInterrupted, which end the whole."""


class ArchiveOpener(Protocol):
    """Reads archives, which may be bombs."""

    def open(self, size: int, chunks: AsyncIterator[bytes]) -> AbstractAsyncContextManager[OpenArchive]:
        """An archive of so many bytes; raises Unreadable and ExtractionInterrupted."""


class Fetcher(Protocol):
    """The web, guarded."""

    def check(self, url: str) -> None:
        """Raises LastingFailure for a URL that may not be fetched as far as its form goes."""

    async def fetch(self, url: str, known: Validators | None = None) -> Page | NotModified:
        """A page or file; NotModified only where ``known`` were given. Raises LastingFailure and TemporaryFailure."""


@dataclass(frozen=True, slots=True)
class Link:
    """As it is written on a page; ``follow``: whether the page vouches for it (no ``rel=nofollow``)."""

    href: str
    follow: bool = True


@dataclass(frozen=True, slots=True)
class Surveyed:
    """What a page says to crawlers. ``base``: what its links are relative to, if it says so."""

    title: str = ""
    base: str = ""
    links: tuple[Link, ...] = ()
    noindex: bool = False
    nofollow: bool = False


@dataclass(frozen=True, slots=True)
class SitemapEntries:
    """What a sitemap lists: pages, and further sitemaps."""

    pages: tuple[str, ...] = ()
    sitemaps: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RobotsAnswer:
    """For each of the URLs whether it may be fetched; seconds between two requests, if the site wants some; sitemaps."""

    allowed: tuple[bool, ...] = ()
    delay: float | None = None
    sitemaps: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class KnownPage:
    """What is kept of a page of a site since it was ingested. ``validators`` are None where it has to be fetched anew."""

    last_url: str = ""
    validators: Validators | None = None
    links: tuple[str, ...] = field(default=(), repr=False)


class Surveyor(Protocol):
    """What crawlers are told, read from what others wrote. All raise Unreadable and ExtractionInterrupted."""

    async def survey_page(self, raw: Raw, robots_tag: str) -> Surveyed:
        """Of a page of HTML; ``robots_tag`` is its header X-Robots-Tag."""

    async def survey_sitemap(self, data: bytes) -> SitemapEntries:
        """Of a sitemap, packed or not."""

    async def survey_robots(self, text: str, urls: Sequence[str]) -> RobotsAnswer:
        """Of a robots.txt, about these URLs."""


class Chunker(Protocol):
    """Document → chunks as retrieval takes them, the same ones for the same document."""

    async def chunk(self, stored: StoredDocument, sizes: Sizes) -> Sequence[Chunk]:
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

    async def stage(self, context: Context, target: Target, chunks: Sequence[Chunk]) -> int:
        """Takes in one batch, invisibly; safe to repeat. Answers how many chunks had to be embedded."""

    async def activate(self, context: Context, target: Target, chunk_count: int) -> Activated:
        """Makes the version visible in one step; safe to repeat."""

    async def hide(self, context: Context, bot_id: UUID, versions: Mapping[UUID, int]) -> None:
        """When it returns, no version of these sources up to the given one is found, now or later; safe to repeat."""


class ProgressSignal(Protocol):
    """Tells whoever listens at this moment how far an ingestion has come."""

    async def tell(self, scope: TenantScope, progress: Progress) -> None:
        """Best effort; never raises for a bus that is away."""


class ProgressRows(Protocol):
    """How far a version is, for whoever asks while it is being made."""

    async def note(self, scope: TenantScope, progress: Progress) -> None:
        """In the place of what was noted of the source before."""

    async def forget(self, tx: Transaction, source_id: UUID) -> None:
        """No version of it is being made any more."""


class IngestionRows(Protocol):
    """The history of sources, of the transaction's tenant. Both raise InvalidRequest for a foreign cursor."""

    async def ingestions(
        self, tx: Transaction, source_id: UUID, limit: int, cursor: str | None
    ) -> IngestionList:
        """Of a source and its children, newest first, with what is known of the running ones at this moment."""

    async def versions(self, tx: Transaction, source_id: UUID, limit: int, cursor: str | None) -> VersionList:
        """Those that were ever visible, newest first."""

    async def kept_before(self, tx: Transaction, source_id: UUID, version: int) -> int | None:
        """The newest version below this one that was visible and whose text is kept."""

    async def is_kept(self, tx: Transaction, source_id: UUID, version: int) -> bool:
        """Whether this version was ever visible and its text is there."""


class Bots(Protocol):
    """Which bots are active: what events have told, and their owner for those that events have not told yet."""

    async def is_active(self, context: Context, bot_id: UUID) -> bool:
        """Whether the tenant has this bot and it is active; raises Unavailable when nobody can tell."""


class Transfer(Protocol):
    """Where uploads wait for their owner."""

    async def read(self, object_name: str, limit: int) -> bytes:
        """The bytes, at most ``limit`` + 1 of them; raises UploadGone."""

    def stream(self, object_name: str) -> AsyncIterator[bytes]:
        """All bytes, as they come; raises UploadGone."""

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

    async def known(self, tx: Transaction, source_ids: Sequence[UUID]) -> set[UUID]:
        """Which of these there are, active or not."""


class ArchiveRows(Protocol):
    """Archives that wait to be unpacked, in pieces; content."""

    async def keep(self, tx: Transaction, source_id: UUID, chunks: AsyncIterator[bytes]) -> tuple[int, str]:
        """Stores an archive as it comes; answers its size and its SHA-256."""

    async def size(self, tx: Transaction, source_id: UUID) -> int:
        """Bytes; 0 where there is none (any more)."""

    def read(self, scope: TenantScope, source_id: UUID) -> AsyncIterator[bytes]:
        """The archive, piece by piece."""

    async def drop(self, tx: Transaction, source_id: UUID) -> None:
        """It is unpacked."""


@dataclass(frozen=True, slots=True)
class FetchedPage:
    """A page of a site as a crawl has fetched it; ``url`` is its canonical one, ``links`` those that a crawl follows."""

    url: str
    page: Page
    links: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Arranged:
    """The schedule that an active source has, and what the work of its next refresh says; either may be missing."""

    bot_id: UUID
    schedule: str | None
    payload: dict[str, Any] | None


class RefreshRows(Protocol):
    """Which sources have a schedule, and the work that was arranged for them."""

    async def arranged(self, tx: Transaction, source_id: UUID) -> Arranged | None:
        """Of one source as this transaction sees it, locked from here on; None for an unknown one."""

    async def forgotten(self) -> Sequence[tuple[TenantScope, UUID]]:
        """Active sources of all tenants that have a schedule and no work, a bounded number at a time."""


class ContentRows(Protocol):
    """What was given, and what was made of it; content, so no projection."""

    async def keep(self, tx: Transaction, source_id: UUID, content: SourceContent, salt: bytes) -> None:
        """Stores what was given, in the place of what was given before."""

    async def content(self, tx: Transaction, source_id: UUID) -> SourceContent | None:
        """What was given; None once it is erased."""

    async def outline(self, tx: Transaction, source_id: UUID) -> tuple[dict[str, Any], bool]:
        """The whole configuration, and whether there is a text or file."""

    async def note(self, tx: Transaction, source_id: UUID, facts: dict[str, Any]) -> None:
        """Adds to the configuration what was found out; no part of an event."""

    async def document(self, scope: TenantScope, source_id: UUID, version: int) -> StoredDocument | None:
        """The stored text of a version."""

    async def origin(self, scope: TenantScope, target: Target) -> tuple[str, Origin] | None:
        """The last URL of a version's document and its origin; None if it did not come from the web, or is not kept."""

    async def keep_document(
        self, scope: TenantScope, target: Target, stored: StoredDocument, rules: str
    ) -> None:
        """Stores the text of a version; one that is there already stays. ``rules`` says how it will be cut."""

    async def same_document(self, scope: TenantScope, target: Target, other: int) -> bool:
        """Whether the text of a version, and the rules by which it is cut, are those of another version."""

    async def passages(self, tx: Transaction, source_id: UUID, version: int) -> list[bytes] | None:
        """Hashes of a version's passages in reading order; None if they are not kept."""

    async def keep_passages(self, tx: Transaction, target: Target, passages: Sequence[bytes]) -> None:
        """Stores them with the text of the version."""

    async def drop_documents(self, tx: Transaction, source_id: UUID, keep: int) -> None:
        """Forgets all texts but those of the newest ``keep`` versions that were ever visible."""

    async def fetched(self, scope: TenantScope, target: Target) -> FetchedPage | None:
        """What a crawl has fetched to become this version; None if it is to be fetched now."""

    async def drop_fetched(self, tx: Transaction, source_id: UUID, version: int) -> None:
        """This version has ended: what was fetched for it is needed no more."""

    async def forget_fetched(self, tx: Transaction, source_ids: Sequence[UUID]) -> None:
        """What is made of these sources is cancelled: nothing waits for them any more, nor for pages of them."""


@dataclass(frozen=True, slots=True)
class CrawlState:
    """How far the crawl of a version is. ``seeds`` are None before the site was asked for them.

    ``expected``: the plan is another one than last time, or the last crawl has warned that most pages would go.
    """

    plan: CrawlPlan
    seeds: Seeds | None
    expected: bool


@dataclass(frozen=True, slots=True)
class SitePage:
    """A child of a site that is a page of it. ``is_removed``: by a crawl, and not by people."""

    url: str
    page_id: UUID
    is_removed: bool
    is_active: bool


class CrawlRows(Protocol):
    """What crawls have seen; content, so no projection. ``target`` is the version of a site, ``page`` that of one page of it."""

    async def begin(self, scope: TenantScope, target: Target, plan: CrawlPlan) -> CrawlState:
        """The crawl of this version, begun with this plan or earlier with another one."""

    async def keep_seeds(self, scope: TenantScope, target: Target, seeds: Seeds) -> None:
        """What the site said before its first page."""

    async def visits(self, scope: TenantScope, target: Target) -> list[Visit]:
        """What was looked at so far, in this order."""

    async def quiet_for(self, scope: TenantScope, target: Target) -> float | None:
        """Seconds since the last page came in; None before the first."""

    async def keep(
        self, scope: TenantScope, target: Target, number: int, visits: Sequence[Visit], page: Page | None
    ) -> bool:
        """Takes in what came of a candidate as visits ``number``, …; safe to repeat. False: the version has ended."""

    async def pages(self, tx: Transaction, site_id: UUID) -> list[SitePage]:
        """Every page that the site ever had."""

    async def is_removed(self, tx: Transaction, page_id: UUID) -> bool:
        """Whether a crawl has removed it, and not people."""

    async def waiting(self, scope: TenantScope, target: Target, urls: Sequence[str]) -> list[str]:
        """Those of these pages of which no version was asked for yet."""

    async def assign(self, tx: Transaction, target: Target, url: str, page: Target) -> None:
        """What was fetched is to become this version of the page."""

    async def mark(self, tx: Transaction, site_id: UUID, url: str, page_id: UUID, *, removed: bool) -> None:
        """This source is a page of the site."""

    async def finish(self, tx: Transaction, site_id: UUID, *, is_seen: bool) -> None:
        """The crawl has ended: what it fetched for no page is needed no more. ``is_seen``: it has come to its end."""

    async def warn(self, scope: TenantScope, site_id: UUID) -> None:
        """The crawl would have removed most pages, and has not."""
