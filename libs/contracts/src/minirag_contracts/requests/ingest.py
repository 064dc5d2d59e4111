"""What may be asked of ingest: sources and their ingestion."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from minirag_contracts.events.ingest import RefreshSchedule, SourceType, Trigger
from minirag_contracts.requests.base import Changes, Done, Page, Reply, Request

CONFIG_MAX = 64 * 1024
"""Bytes of a source's configuration (see ``config_size``): a list has a thousand of them."""

FILE_TYPES = (
    ".csv", ".docx", ".eml", ".epub", ".htm", ".html", ".json", ".jsonl", ".markdown", ".md", ".ndjson", ".pdf", ".pptx", ".rst",
    ".tsv", ".txt", ".xhtml", ".xlsx",
)  # fmt: skip
"""Extensions of files that can be read, in lower case."""

ARCHIVE_TYPES = (".zip",)
"""Extensions of archives, which become a parent with a child for each file in them that can be read."""

ACCEPTED_TYPES = tuple(sorted((*FILE_TYPES, *ARCHIVE_TYPES)))
"""Extensions of what may be uploaded."""

MAX_FILES = 100
"""Files of one upload of several."""


def extension_of(filename: str) -> str:
    """In lower case, with its dot; empty where there is none."""
    name = filename.replace("\\", "/").rsplit("/", 1)[-1]
    return f".{name.rsplit('.', 1)[1].lower()}" if "." in name else ""


def is_archive(filename: str) -> bool:
    """Whether a file of this name is taken for an archive."""
    return extension_of(filename) in ARCHIVE_TYPES


def config_size(config: dict[str, Any]) -> int:
    """Bytes of a configuration as JSON."""
    text = json.dumps(config, ensure_ascii=False, separators=(",", ":"))
    return len(text.encode(errors="surrogatepass"))


def name_of_several(filenames: Sequence[str]) -> str:
    """What files are called together where nobody says: the first of them, and how many more there are."""
    more = f" and {len(filenames) - 1} more"
    return f"{filenames[0][: 255 - len(more)]}{more}"


class IngestServiceRequest(Request):
    """Anything asked of ingest."""

    service: ClassVar[str] = "ingest"


class SourceRead(Reply):
    """A source as clients see it (spec §8). ``status``: pending, processing, ready, error.

    A source with active children has their status (processing or error if one is, ready if all are, else pending) and
    the sum of their ``chunk_count``; a site is processing also while it is crawled, and in error when that has failed.
    ``next_refresh_at`` is when its schedule makes the next version, later than usual while it keeps failing; None where there
    is no schedule or the source is not active.
    """

    id: UUID
    tenant_id: UUID
    bot_profile_id: UUID
    parent_id: UUID | None
    name: str
    description: str
    source_type: SourceType
    status: str
    config: dict[str, Any]
    document_count: int
    chunk_count: int
    error_message: str | None
    is_active: bool
    refresh_schedule: RefreshSchedule | None
    last_refreshed_at: datetime | None
    next_refresh_at: datetime | None = None
    children_count: int
    created_at: datetime
    updated_at: datetime


class CreateSource(IngestServiceRequest):
    """Give a bot a text or a URL to know; nothing is ingested yet."""

    verb: ClassVar[str] = "sources.create"
    Returns: ClassVar[type[Reply]] = SourceRead

    bot_id: UUID
    name: str
    description: str = ""
    source_type: SourceType
    config: dict[str, Any] = {}
    content: str | None = Field(default=None, repr=False)
    parent_id: UUID | None = None
    refresh_schedule: RefreshSchedule | None = None


class UploadSource(IngestServiceRequest):
    """Give a bot a file; its bytes wait in the transfer bucket under ``object_name``. Ingestion starts at once.

    An archive (``is_archive``) becomes a parent; its ingestion makes a child of each file in it.
    """

    verb: ClassVar[str] = "sources.upload"
    Returns: ClassVar[type[Reply]] = SourceRead
    transport_fields: ClassVar[frozenset[str]] = frozenset({"object_name"})

    bot_id: UUID
    name: str
    description: str = ""
    parent_id: UUID | None = None
    filename: str
    object_name: str
    size: int
    sha256: str


class GetSource(IngestServiceRequest):
    """One source; ``not_found`` for an unknown or foreign one."""

    verb: ClassVar[str] = "sources.get"
    Returns: ClassVar[type[Reply]] = SourceRead

    source_id: UUID


class SourceList(Reply):
    """A page of sources, in the order of the list that was asked for."""

    items: list[SourceRead]
    next: str | None = None


class ListSources(IngestServiceRequest, Page):
    """The tenant's active sources, newest first, of one bot if given.

    Without more: those at the top, a parent with the figures of its children (see ``SourceRead``). With ``parent_id``: its
    children. With ``include_children``: all of them, each with its own figures.
    """

    verb: ClassVar[str] = "sources.list"
    Returns: ClassVar[type[Reply]] = SourceList

    bot_id: UUID | None = None
    parent_id: UUID | None = None
    include_children: bool = False


class ListChildren(IngestServiceRequest, Page):
    """The active children of a source, oldest first; ``not_found`` for an unknown or foreign one."""

    verb: ClassVar[str] = "sources.children"
    Returns: ClassVar[type[Reply]] = SourceList

    source_id: UUID


class SourceChanges(Changes):
    """What shall be different about a source."""

    name: str = ""
    description: str = ""
    config: dict[str, Any] = {}
    content: str | None = Field(default=None, repr=False)
    is_active: bool = True
    refresh_schedule: RefreshSchedule | None = None


class UpdateSource(IngestServiceRequest):
    """Configure a source anew; nothing is ingested unless it becomes active by it.

    Answers a deactivation after retrieval has confirmed that nothing of the source is found any more.
    """

    verb: ClassVar[str] = "sources.update"
    Returns: ClassVar[type[Reply]] = SourceRead

    source_id: UUID
    changes: SourceChanges


class DeactivateSource(IngestServiceRequest):
    """The source and its children answer no more; replied to after retrieval has confirmed it. Safe to repeat."""

    verb: ClassVar[str] = "sources.deactivate"
    Returns: ClassVar[type[Reply]] = Done

    source_id: UUID


class NewChild(BaseModel):
    """One child of a batch; its fields mean what those of ``CreateSource`` do."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str
    description: str = ""
    source_type: SourceType
    config: dict[str, Any] = {}
    content: str | None = Field(default=None, repr=False)
    refresh_schedule: RefreshSchedule | None = None


class SourceBatch(Reply):
    """A parent and its children in the order in which they were given."""

    parent: SourceRead
    children: list[SourceRead]


class CreateSourceBatch(IngestServiceRequest):
    """Make a parent and its children, all or none; nothing is ingested yet."""

    verb: ClassVar[str] = "sources.batch"
    Returns: ClassVar[type[Reply]] = SourceBatch

    bot_id: UUID
    name: str
    description: str = ""
    source_type: SourceType = "url"
    children: list[NewChild]


class UploadedFile(BaseModel):
    """One file of several."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    filename: str
    size: int
    sha256: str


class UploadSourceBatch(IngestServiceRequest):
    """Give a bot several files, all or none: children of ``parent_id``, or of a new parent of this name and description.

    Their bytes wait in the transfer bucket under ``object_names``, in the same order. Every ingestion starts at once.
    """

    verb: ClassVar[str] = "sources.upload_batch"
    Returns: ClassVar[type[Reply]] = SourceBatch
    transport_fields: ClassVar[frozenset[str]] = frozenset({"object_names"})

    bot_id: UUID
    name: str
    description: str = ""
    parent_id: UUID | None = None
    files: list[UploadedFile]
    object_names: list[str]


class ChildrenQueued(Reply):
    """For how many children a new version will be made."""

    enqueued: int


class IngestChildren(IngestServiceRequest):
    """Make a new version of each active child that is not being made into one."""

    verb: ClassVar[str] = "sources.ingest_children"
    Returns: ClassVar[type[Reply]] = ChildrenQueued

    source_id: UUID
    only_failed: bool = False
    """Only those whose last ingestion failed: one call takes up everything that was parked."""


class IngestAccepted(Reply):
    """The version that will be made."""

    source_id: UUID
    version: int


class IngestSource(IngestServiceRequest):
    """Make a new version of the source; ``conflict`` while one is being made."""

    verb: ClassVar[str] = "sources.ingest"
    Returns: ClassVar[type[Reply]] = IngestAccepted

    source_id: UUID


IngestionStatus = Literal["queued", "processing", "retrying", "completed", "unchanged", "failed", "cancelled"]


class IngestionRead(Reply):
    """The making of one version: how it ended, or how far it is. ``done`` and ``total`` count chunks (0: not known yet).

    ``retrying`` waits until ``next_attempt_at`` after ``error``; ``failed`` is parked with ``error`` until somebody asks again.
    """

    source_id: UUID
    source_name: str
    version: int
    trigger: Trigger
    of_version: int | None
    status: IngestionStatus
    stage: str | None
    done: int
    total: int
    percent: int
    attempt: int
    next_attempt_at: datetime | None
    code: str | None
    error: str | None
    chunk_count: int | None
    requested_at: datetime
    ended_at: datetime | None


class IngestionList(Reply):
    """A page of ingestions, newest first."""

    items: list[IngestionRead]
    next: str | None = None


class ListIngestions(IngestServiceRequest, Page):
    """The ingestions of a source and of its children, newest first; ``not_found`` for an unknown or foreign one."""

    verb: ClassVar[str] = "sources.ingestions"
    Returns: ClassVar[type[Reply]] = IngestionList

    source_id: UUID


class CancelIngestion(IngestServiceRequest):
    """Make no more of the version that is being made, of the source and of its children; the one before goes on answering.

    ``nothing_to_cancel`` when none is being made, or when it is just becoming visible.
    """

    verb: ClassVar[str] = "sources.cancel"
    Returns: ClassVar[type[Reply]] = SourceRead

    source_id: UUID


class VersionRead(Reply):
    """A version that answered, or answers (``visible``). Counts are passages against the version before; None: not counted.
    ``embedded`` are those that had to be embedded, by the attempt that succeeded.

    ``kept`` says that its text is still there, so that it can be rolled back to.
    """

    version: int
    trigger: Trigger
    of_version: int | None
    visible: bool
    kept: bool
    chunk_count: int
    added: int | None
    changed: int | None
    removed: int | None
    embedded: int | None
    completed_at: datetime


class VersionList(Reply):
    """A page of versions, newest first."""

    items: list[VersionRead]
    next: str | None = None


class ListVersions(IngestServiceRequest, Page):
    """The versions of a source that were ever visible, newest first; ``not_found`` for an unknown or foreign one."""

    verb: ClassVar[str] = "sources.versions"
    Returns: ClassVar[type[Reply]] = VersionList

    source_id: UUID


class RollBackSource(IngestServiceRequest):
    """Make a version that has the text of an earlier one: of ``version``, or of the one before the visible one.

    ``version_not_kept`` when there is no such version or its text is gone, ``conflict`` while another is being made.
    """

    verb: ClassVar[str] = "sources.roll_back"
    Returns: ClassVar[type[Reply]] = IngestAccepted

    source_id: UUID
    version: int | None = Field(default=None, ge=1)


class PreviewedPage(BaseModel):
    """A page that a crawl would take. ``found``: start, sitemap or link; ``is_seen``: it was looked at, and not only found."""

    url: str
    title: str
    depth: int
    found: str
    is_seen: bool


class SkippedPage(BaseModel):
    """A URL that a crawl would not take. ``reason``: other_site, excluded, not_included, not_a_document, too_deep, robots,
    noindex, refused, redirects_elsewhere, failed or gone; ``detail`` is a sentence where there is one to say.
    """

    url: str
    reason: str
    detail: str


class CrawlPreview(Reply):
    """What a crawl of a site would take.

    ``cut_off`` says why there may be more: pages (as many as ``max_pages``), time (it was looked at for as long as a preview
    lasts) or patience (the site asked us to come back later). ``delay_seconds`` between two requests is what the site wants,
    or the setting if that is more.
    """

    start_url: str
    pages: list[PreviewedPage]
    skipped: list[SkippedPage]
    cut_off: Literal["pages", "time", "patience"] | None
    has_robots: bool
    sitemap_urls: int
    delay_seconds: float


class PreviewCrawl(IngestServiceRequest):
    """Look at a site as a crawl would, for some seconds; nothing is kept. ``crawl`` as in a source's ``config``."""

    verb: ClassVar[str] = "sources.preview_crawl"
    Returns: ClassVar[type[Reply]] = CrawlPreview

    url: str
    crawl: dict[str, Any] = {}


class BotSources(Reply):
    """What one bot has been given: its active sources, those of them that answer, and their chunks."""

    bot_id: UUID
    source_count: int
    ready_sources: int
    total_chunks: int


class SourcesSummary(Reply):
    """The tenant's active sources in figures; bots without sources are not among ``by_bot``."""

    sources_by_status: dict[str, int]
    total_chunks: int
    by_bot: list[BotSources]


class IngestLimits(Reply):
    """How many sources the tenant has and may have, and how many ingestions wait and may wait."""

    sources: int
    max_sources: int
    queued: int
    max_queued: int


class GetIngestLimits(IngestServiceRequest):
    """The limits of ingest that are about a tenant, and how far it has come."""

    verb: ClassVar[str] = "sources.limits"
    Returns: ClassVar[type[Reply]] = IngestLimits


class GetSourcesSummary(IngestServiceRequest):
    """How many sources the tenant has, in which status, and how many chunks they were cut into."""

    verb: ClassVar[str] = "sources.summary"
    Returns: ClassVar[type[Reply]] = SourcesSummary
