"""What a client gives for a source: checked before anything is decided."""

from typing import Any

from minirag_contracts.events.ingest import SourceType

from minirag_ingest.domain import intake
from minirag_ingest.errors import DiskFull, InvalidSource, InvalidUrl
from minirag_ingest.ports import Disk, Fetcher, LastingFailure, SourceContent

MIN_FREE = 1024**3
"""Bytes of disk under which nothing new is ingested."""


class Given:
    """Checks against limits, the guarded web and the disk."""

    def __init__(self, fetcher: Fetcher, disk: Disk) -> None:
        self._fetcher = fetcher
        self._disk = disk

    def content(self, source_type: SourceType, config: dict[str, Any], text: str | None) -> SourceContent:
        """Of a new source that is no file; raises refusals. A URL is checked as well as its form allows."""
        if source_type == "upload":
            raise InvalidSource("A file is given by uploading it (POST /v1/sources/upload).")
        self.check_config(source_type, config)
        return SourceContent(config, self.body(text))

    def check_config(self, source_type: SourceType, config: dict[str, Any]) -> None:
        """Raises InvalidSource and InvalidUrl."""
        url = intake.url_of(config) if source_type == "url" else None
        if url is None:
            return
        try:
            self._fetcher.check(url)
        except LastingFailure as failure:
            raise InvalidUrl(str(failure)) from failure

    def body(self, text: str | None) -> bytes | None:
        """The text as it is stored, if there is room for it."""
        body = intake.encode_text(text)
        if body is not None:
            self.check_disk()
        return body

    def check_disk(self) -> None:
        """Raises DiskFull."""
        if self._disk.free() < MIN_FREE:
            raise DiskFull
