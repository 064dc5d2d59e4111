"""Reading: bytes become documents, archives files, documents chunks."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import UUID

from minirag_contracts.requests.retrieval import Chunk

from minirag_ingest.domain.document import Document
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


WORKING_FOR: ContextVar[UUID | None] = ContextVar("working_for", default=None)
"""The tenant whose ingestion this task makes: those who read documents take turns by it."""


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


class Chunker(Protocol):
    """Document → chunks as retrieval takes them, the same ones for the same document."""

    async def chunk(self, stored: StoredDocument, sizes: Sizes) -> Sequence[Chunk]:
        """All chunks, in reading order."""
