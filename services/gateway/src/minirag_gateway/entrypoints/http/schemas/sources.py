"""Sources, as clients send them (spec §8)."""

from typing import Annotated, Any, ClassVar
from uuid import UUID

from minirag_contracts.events.ingest import RefreshSchedule, SourceType
from minirag_contracts.requests.ingest import (
    CONFIG_MAX,
    CreateSource,
    CreateSourceBatch,
    NewChild,
    PreviewCrawl,
    RollBackSource,
    SourceChanges,
    UpdateSource,
    UploadedFile,
    UploadSource,
    UploadSourceBatch,
    config_size,
)
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from minirag_gateway.entrypoints.http.bodies import Body
from minirag_gateway.entrypoints.http.schemas.changes import Update, absent


def _small(config: dict[str, Any]) -> dict[str, Any]:
    if config_size(config) > CONFIG_MAX:
        raise ValueError(f"config may have at most {CONFIG_MAX // 1024} KiB as JSON")
    return config


_CONFIG = """
At most 64 KiB as JSON. `url`: of a `url` source. `chunk_size`: most tokens of a passage, 64 to 256 (256). `chunk_overlap`: tokens
that two neighbours share, up to half of that (a quarter). `language`: ISO 639-1 code of its text, where it shall not be
detected; it chooses the word forms that a search finds. A change of these counts from the next ingestion on. Other names are
yours.
"""
Config = Annotated[dict[str, Any], AfterValidator(_small), Field(description=" ".join(_CONFIG.split()))]


def _schedule(value: Any, check: ValidatorFunctionWrapHandler) -> Any:
    """One sentence instead of one for each alternative."""
    try:
        return check(value)
    except ValidationError:
        raise ValueError(
            "A schedule is none, hourly, daily or weekly, or five cron fields and a time zone, each after one space: "
            "0 6 * * 1-5 Europe/Berlin"
        ) from None


Schedule = Annotated[
    RefreshSchedule | None,
    WrapValidator(_schedule),
    Field(
        description=(
            "When the source is read again by itself. Five cron fields (minute, hour, day of month, month, day of week) are in "
            "UTC unless an IANA time zone follows; every 5 minutes is the most. A source that keeps failing is tried less and "
            "less often, at least once a week; `next_refresh_at` tells when. A source that has nothing but children refreshes "
            "them."
        ),
        examples=["daily", "0 6 * * 1-5 Europe/Berlin", "*/30 * * * *"],
    ),
]


class SourceCreate(Body):
    """A new source; ingestion is asked for separately."""

    bot_profile_id: UUID
    name: str = Field(min_length=1, max_length=255, examples=["Opening hours"])
    description: str = Field(default="", max_length=1000)
    source_type: SourceType
    config: Config = Field(default={}, examples=[{"url": "https://example.com/help"}])
    content: str | None = Field(
        default=None,
        repr=False,
        description="The text of a `text` source.",
        examples=["The museum opens at nine."],
    )
    parent_id: UUID | None = None
    refresh_schedule: Schedule = None

    def request(self) -> CreateSource:
        """What ingest is asked."""
        return CreateSource(
            bot_id=self.bot_profile_id,
            name=self.name,
            description=self.description,
            source_type=self.source_type,
            config=self.config,
            content=self.content,
            parent_id=self.parent_id,
            refresh_schedule=self.refresh_schedule,
        )


class SourceUpdate(Update):
    """What shall be different; a field that is missing stays as it is. `config` is replaced as a whole."""

    name: str = Field(default_factory=absent, min_length=1, max_length=255)
    description: str = Field(default_factory=absent, max_length=1000)
    config: Config = Field(default_factory=absent)
    content: str | None = Field(
        default_factory=absent, repr=False, description="The text of a `text` source."
    )
    is_active: bool = Field(default_factory=absent)
    refresh_schedule: Schedule = Field(default_factory=absent)

    def request(self, source_id: UUID) -> UpdateSource:
        """What ingest is asked: what was sent, and nothing else."""
        return UpdateSource(source_id=source_id, changes=SourceChanges(**self.sent()))


class ChildSourceCreate(Body):
    """One child of a batch."""

    name: str = Field(min_length=1, max_length=255, examples=["Help page"])
    description: str = Field(default="", max_length=1000)
    source_type: SourceType
    config: Config = Field(default={}, examples=[{"url": "https://example.com/help"}])
    content: str | None = Field(default=None, repr=False, description="The text of a `text` source.")
    refresh_schedule: Schedule = None


class SourceBatchCreate(Body):
    """A parent with at least one child."""

    bot_profile_id: UUID
    name: str = Field(min_length=1, max_length=255, examples=["Our site"])
    description: str = Field(default="", max_length=1000)
    source_type: SourceType = "url"
    children: list[ChildSourceCreate] = Field(max_length=1000)

    def request(self) -> CreateSourceBatch:
        """What ingest is asked."""
        return CreateSourceBatch(
            bot_id=self.bot_profile_id,
            name=self.name,
            description=self.description,
            source_type=self.source_type,
            children=[NewChild(**child.model_dump()) for child in self.children],
        )


class CrawlPreviewRequest(Body):
    """A site, and how it would be crawled: `crawl` as in the `config` of a `url` source."""

    url: str = Field(min_length=1, max_length=2048, examples=["https://example.com/"])
    crawl: Config = Field(default={}, examples=[{"max_depth": 2, "exclude": ["/blog/"]}])

    def request(self) -> PreviewCrawl:
        """What ingest is asked."""
        return PreviewCrawl(url=self.url, crawl=self.crawl)


class UploadForm(Body):
    """The text fields of an upload."""

    model_config = ConfigDict(strict=False)  # a form has nothing but texts

    bot_profile_id: UUID
    name: str = Field(min_length=1, max_length=255)
    description: str = Field(default="", max_length=1000)
    parent_id: UUID | None = None

    def request(self, file: UploadedFile, object_name: str) -> UploadSource:
        """What ingest is asked, once the file waits in the transfer bucket."""
        return UploadSource(
            bot_id=self.bot_profile_id,
            name=self.name,
            description=self.description,
            parent_id=self.parent_id,
            object_name=object_name,
            **file.model_dump(),
        )

    def request_of_several(self, files: list[UploadedFile], object_names: list[str]) -> UploadSourceBatch:
        """The same for several files."""
        return UploadSourceBatch(
            bot_id=self.bot_profile_id,
            name=self.name,
            description=self.description,
            parent_id=self.parent_id,
            files=files,
            object_names=object_names,
        )


class ChildIngestionsAccepted(BaseModel):
    """Ingestions are queued."""

    status: str = Field(examples=["accepted"])
    message: str = Field(examples=["Ingestion queued for 3 child sources"])
    enqueued: int = Field(examples=[3])


class RollbackCreate(Body):
    """Where to go back to; without a body, or without `version`, to the version before the one that answers."""

    may_be_missing: ClassVar[bool] = True

    version: int | None = Field(default=None, ge=1, le=2**31 - 1)

    def request(self, source_id: UUID) -> RollBackSource:
        """What ingest is asked."""
        return RollBackSource(source_id=source_id, version=self.version)


class RollbackAccepted(BaseModel):
    """A version with an earlier one's text is queued."""

    status: str = Field(examples=["accepted"])
    message: str = Field(examples=["Version 4 is being made"])
    version: int = Field(examples=[4])


class IngestionAccepted(BaseModel):
    """Ingestion is queued."""

    status: str = Field(examples=["accepted"])
    message: str = Field(examples=["Ingestion queued for source 0191e7a0-0000-7000-8000-000000000000"])
