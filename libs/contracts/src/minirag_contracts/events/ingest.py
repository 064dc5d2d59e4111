"""Events of sources. Texts and files are content."""

from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID

from pydantic import Field

from minirag_contracts.events.base import EventPayload

SourceType = Literal["text", "upload", "url"]
CRON_MAX = 100
"""Characters of a cron expression with its time zone."""
_CRON_FIELD = r"[0-9A-Za-z*,/#-]+"
CronExpression = Annotated[
    str, Field(max_length=CRON_MAX, pattern=rf"^{_CRON_FIELD}( {_CRON_FIELD}){{4}}( [A-Za-z0-9_+/-]+)?$")
]
"""Five cron fields and, unless they mean UTC, the IANA name of a time zone: ``0 6 * * 1-5 Europe/Berlin``.

Only the form is checked here: whether fields and zone mean anything is for ingest to say when it is given them, and an event
stays valid when a zone disappears.
"""
RefreshSchedule = Literal["none", "hourly", "daily", "weekly"] | CronExpression
Trigger = Literal["request", "schedule", "crawl", "rollback"]
"""Why a version is made: somebody asked, its time had come, its site was looked through, or an older text shall answer again."""


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
    trigger: Trigger = "request"
    of_version: int | None = None
    """The earlier version whose text this one shall have (a rollback); None: what the source says now."""


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
    added: int | None = None
    """Passages that the version before did not have; None for events from before this was counted."""
    changed: int | None = None
    """Passages in the place of others."""
    removed: int | None = None
    """Passages of the version before that have no successor."""
    embedded: int | None = None
    """Passages that had to be embedded by the attempt that succeeded; the others were known."""


class IngestUnchanged(EventPayload):
    """What was to become this version is what answers already: nothing was embedded, and the version does not exist."""

    type: ClassVar[str] = "source.ingest.unchanged"
    owner: ClassVar[str] = "ingest"

    source_id: UUID
    bot_id: UUID
    source_name: str
    version: int
    visible: int
    """The version that answers, and goes on."""
    chunk_count: int


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
    attempts: int = 1
    """How often it was tried."""


class SourceUpdated(EventPayload):
    """A source was configured anew; the event has the whole public configuration, not the difference."""

    type: ClassVar[str] = "source.updated"
    owner: ClassVar[str] = "ingest"

    source_id: UUID
    bot_id: UUID
    name: str
    description: str
    config: dict[str, Any]
    refresh_schedule: RefreshSchedule | None = None
    content_hash: str | None = None
    """Salted hash of the text or file as it is now."""
    config_hash: str | None = None
    """Salted hash of the whole configuration, of which ``config`` is the public part; None while it is the first one."""


class SourceDeactivated(EventPayload):
    """A source answers no more: retrieval hides all versions up to ``version``."""

    type: ClassVar[str] = "source.deactivated"
    owner: ClassVar[str] = "ingest"

    source_id: UUID
    bot_id: UUID
    version: int
    """The last version that was asked for; 0 where none was."""
    with_parent: bool = False
    """Whether it went with its parent, and comes back with it."""


class SourceActivated(EventPayload):
    """A source that was deactivated shall answer again; the version that does so is asked for separately."""

    type: ClassVar[str] = "source.activated"
    owner: ClassVar[str] = "ingest"

    source_id: UUID
    bot_id: UUID


class IngestCancelled(EventPayload):
    """The version will not be made, and that is no failure; the one before goes on answering if the source is active."""

    type: ClassVar[str] = "source.ingest.cancelled"
    owner: ClassVar[str] = "ingest"

    source_id: UUID
    bot_id: UUID
    version: int
    reason: Literal["deactivated", "requested"]
