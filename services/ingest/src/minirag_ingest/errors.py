"""What this service refuses. Status and code live in the class, the docstring is the default message."""

from http import HTTPStatus
from typing import ClassVar

from minirag_contracts.errors import Refusal


class IngestRefusal(Refusal):
    """The request about a source was refused."""

    code: ClassVar[str] = "ingest_refused"


class SourceNotFound(IngestRefusal):
    """Source not found"""  # clients compare this text (spec §8)

    status: ClassVar[int] = HTTPStatus.NOT_FOUND
    code: ClassVar[str] = "not_found"


class SourceBusy(IngestRefusal):
    """Source is already being processed"""

    status: ClassVar[int] = HTTPStatus.CONFLICT
    code: ClassVar[str] = "conflict"


class NothingToCancel(IngestRefusal):
    """No version of this source is being made"""

    status: ClassVar[int] = HTTPStatus.CONFLICT
    code: ClassVar[str] = "nothing_to_cancel"


class VersionNotKept(IngestRefusal):
    """There is no earlier version of this source whose text is still kept"""

    status: ClassVar[int] = HTTPStatus.CONFLICT
    code: ClassVar[str] = "version_not_kept"


class BotUnknown(IngestRefusal):
    """Bot profile not found or belongs to a different tenant"""

    code: ClassVar[str] = "bot_not_found"


class ParentOfOtherBot(IngestRefusal):
    """Parent source belongs to a different bot profile"""

    code: ClassVar[str] = "parent_of_other_bot"


class NestedTooDeep(IngestRefusal):
    """Nesting beyond one level is not allowed"""

    code: ClassVar[str] = "nested_too_deep"


class SourceInactive(IngestRefusal):
    """Source is deactivated"""

    status: ClassVar[int] = HTTPStatus.CONFLICT
    code: ClassVar[str] = "source_inactive"


class ParentInactive(IngestRefusal):
    """Parent source is deactivated"""

    code: ClassVar[str] = "parent_inactive"


class NoChildren(IngestRefusal):
    """At least one child source is required"""

    code: ClassVar[str] = "no_children"


class UnsupportedFileType(IngestRefusal):
    """Unsupported file type"""

    code: ClassVar[str] = "unsupported_file_type"


class FileTooLarge(IngestRefusal):
    """File too large. Maximum size is 10 MB."""

    code: ClassVar[str] = "file_too_large"


class ArchiveAmongFiles(IngestRefusal):
    """An archive becomes a parent of its files, so it is uploaded by itself."""

    code: ClassVar[str] = "archive_among_files"


class ArchiveWithParent(IngestRefusal):
    """An archive becomes a parent of its files, so it cannot have one itself."""

    code: ClassVar[str] = "nested_too_deep"


class NoArchive(IngestRefusal):
    """The file is no ZIP archive, although its name ends with .zip."""

    code: ClassVar[str] = "no_archive"


class InvalidSource(IngestRefusal):
    """The source does not have the expected form."""

    code: ClassVar[str] = "invalid_source"


class InvalidSchedule(IngestRefusal):
    """A refresh_schedule is none, hourly, daily, weekly, or five cron fields and a time zone: 0 6 * * 1-5 Europe/Berlin."""

    code: ClassVar[str] = "invalid_schedule"


class InvalidUrl(IngestRefusal):
    """The URL of a source must be http or https, with a host and without credentials."""

    code: ClassVar[str] = "invalid_url"


class SiteNotSeen(IngestRefusal):
    """The site could not be looked at."""

    code: ClassVar[str] = "site_not_seen"


class UploadGone(IngestRefusal):
    """The uploaded bytes did not arrive whole. Please upload the file again."""

    status: ClassVar[int] = HTTPStatus.CONFLICT
    code: ClassVar[str] = "upload_incomplete"


class TooManySources(IngestRefusal):
    """This tenant has as many sources as it may have"""

    status: ClassVar[int] = HTTPStatus.CONFLICT
    code: ClassVar[str] = "source_quota_reached"


class TooManyQueued(IngestRefusal):
    """This tenant has as many ingestions waiting as it may have"""

    status: ClassVar[int] = HTTPStatus.TOO_MANY_REQUESTS
    code: ClassVar[str] = "ingestion_quota_reached"

    def __init__(self, detail: str | None = None, retry_after: float = 30.0) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class DiskFull(IngestRefusal):
    """There is less than 1 GB of free disk space, so nothing new can be ingested until some is freed."""

    status: ClassVar[int] = HTTPStatus.INSUFFICIENT_STORAGE
    code: ClassVar[str] = "disk_full"
