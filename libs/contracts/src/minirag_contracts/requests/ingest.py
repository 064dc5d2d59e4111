"""What may be asked of ingest: sources and their ingestion."""

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from pydantic import Field

from minirag_contracts.events.ingest import RefreshSchedule, SourceType
from minirag_contracts.requests.base import Page, Reply, Request


class IngestServiceRequest(Request):
    """Anything asked of ingest."""

    service: ClassVar[str] = "ingest"


class SourceRead(Reply):
    """A source as clients see it (spec §8). ``status``: pending, processing, ready, error."""

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
    """Give a bot a file; its bytes wait in the transfer bucket under ``object_name``. Ingestion starts at once."""

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
    """Newest first."""

    items: list[SourceRead]
    next: str | None = None


class ListSources(IngestServiceRequest, Page):
    """The tenant's active sources, of one bot if given."""

    verb: ClassVar[str] = "sources.list"
    Returns: ClassVar[type[Reply]] = SourceList

    bot_id: UUID | None = None


class IngestAccepted(Reply):
    """The version that will be made."""

    source_id: UUID
    version: int


class IngestSource(IngestServiceRequest):
    """Make a new version of the source; ``conflict`` while one is being made."""

    verb: ClassVar[str] = "sources.ingest"
    Returns: ClassVar[type[Reply]] = IngestAccepted

    source_id: UUID


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


class GetSourcesSummary(IngestServiceRequest):
    """How many sources the tenant has, in which status, and how many chunks they were cut into."""

    verb: ClassVar[str] = "sources.summary"
    Returns: ClassVar[type[Reply]] = SourcesSummary
