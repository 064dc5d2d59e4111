"""What a client gives for a source: checked before anything is decided."""

from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from minirag_contracts.disk import LOW_DISK
from minirag_contracts.events.ingest import SourceType
from minirag_contracts.ids import new_id
from minirag_contracts.requests.ingest import CreateSource, NewChild
from minirag_service.sealing import new_salt, salted_hash

from minirag_ingest.domain import intake, schedule, source
from minirag_ingest.domain.crawl_plan import CrawlPlan
from minirag_ingest.errors import DiskFull, InvalidSource, InvalidUrl
from minirag_ingest.ports import Disk, Fetcher, LastingFailure, SourceContent


@dataclass(frozen=True, slots=True)
class NewSource:
    """A source to be made, with what was given for it."""

    command: source.Create
    content: SourceContent
    salt: bytes


def of_file(
    command: source.Create, config: dict[str, Any], digest: bytes | str, body: bytes | None
) -> NewSource:
    """A file that is there: what the configuration says of it, and the salted hash of ``digest`` (its bytes, or their hash)."""
    salt = new_salt()
    settings = replace(
        command.settings,
        config=intake.public_config("upload", config),
        content_hash=salted_hash(digest, salt),
    )
    return NewSource(replace(command, settings=settings), SourceContent(config, body), salt)


class Given:
    """Checks against limits, the guarded web and the disk."""

    def __init__(self, fetcher: Fetcher, disk: Disk) -> None:
        self._fetcher = fetcher
        self._disk = disk

    def new(self, bot_id: UUID, given: CreateSource | NewChild, parent_id: UUID | None) -> NewSource:
        """A new source that is no file, under an id of its own; raises refusals."""
        intake.check_names(given.name, given.description, given.config)
        if parent_id is not None:
            intake.check_child(given.config)
        schedule.parse(given.refresh_schedule)
        content, salt = self.content(given.source_type, given.config, given.content), new_salt()
        settings = source.Settings(
            name=given.name,
            description=given.description,
            config=intake.public_config(given.source_type, given.config),
            refresh_schedule=given.refresh_schedule,
            content_hash=None if content.body is None else salted_hash(content.body, salt),
        )
        command = source.Create(new_id(), bot_id, given.source_type, settings, parent_id=parent_id)
        return NewSource(command, content, salt)

    def content(self, source_type: SourceType, config: dict[str, Any], text: str | None) -> SourceContent:
        """Of a new source that is no file; raises refusals. A URL is checked as well as its form allows."""
        if source_type == "upload":
            raise InvalidSource("A file is given by uploading it (POST /v1/sources/upload).")
        self.check_config(source_type, config)
        return SourceContent(config, self.body(text))

    def check_config(self, source_type: SourceType, config: dict[str, Any]) -> None:
        """Raises InvalidSource and InvalidUrl."""
        intake.check_cutting(config)
        if source_type != "url":
            return
        url = intake.url_of(config)
        if url is not None:
            try:
                self._fetcher.check(url)
            except LastingFailure as failure:
                raise InvalidUrl(str(failure)) from failure
        CrawlPlan.of(config)

    def body(self, text: str | None) -> bytes | None:
        """The text as it is stored, if there is room for it."""
        body = intake.encode_text(text)
        if body is not None:
            self.check_disk()
        return body

    def check_disk(self) -> None:
        """Raises DiskFull."""
        if self._disk.free() < LOW_DISK:
            raise DiskFull
