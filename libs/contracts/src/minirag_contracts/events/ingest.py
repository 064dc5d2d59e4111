"""Events of sources. Texts and files are content."""

from typing import Any, ClassVar, Literal
from uuid import UUID

from minirag_contracts.events.base import EventPayload

SourceType = Literal["text", "upload", "url"]
RefreshSchedule = Literal["none", "hourly", "daily", "weekly"]


class SourceCreated(EventPayload):
    """A bot was given something to know; nothing is read yet."""

    type: ClassVar[str] = "source.created"
    owner: ClassVar[str] = "ingest"

    source_id: UUID
    bot_id: UUID
    parent_id: UUID | None = None
    name: str
    description: str
    source_type: SourceType
    config: dict[str, Any]
    refresh_schedule: RefreshSchedule | None = None
    content_hash: str | None = None
    """Salted hash of the given text or file; None for a source that is fetched."""


class IngestRequested(EventPayload):
    """A new version of the source shall be made."""

    type: ClassVar[str] = "source.ingest.requested"
    owner: ClassVar[str] = "ingest"

    source_id: UUID
    bot_id: UUID
    version: int


class IngestCompleted(EventPayload):
    """The version answers questions from now on."""

    type: ClassVar[str] = "source.ingest.completed"
    owner: ClassVar[str] = "ingest"

    source_id: UUID
    bot_id: UUID
    source_name: str
    version: int
    document_count: int
    chunk_count: int
    generation: int
    """Of the bot's index, from which this version is visible."""


class IngestFailed(EventPayload):
    """The version could not be made; the one before goes on answering."""

    type: ClassVar[str] = "source.ingest.failed"
    owner: ClassVar[str] = "ingest"

    source_id: UUID
    bot_id: UUID
    version: int
    code: str
    error: str
    """A sentence that a person understands."""
