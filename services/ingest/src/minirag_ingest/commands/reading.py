"""Getting a source's document: from what was given, or from where it lies."""

from dataclasses import replace
from typing import Any

from minirag_contracts.context import TenantScope
from minirag_eventstore import EventStore

from minirag_ingest.domain import intake
from minirag_ingest.domain.source import Source
from minirag_ingest.ports import (
    ContentRows,
    Extractor,
    Fetcher,
    LastingFailure,
    Raw,
    SourceContent,
    StoredDocument,
)

NOTHING = "No content to ingest"
MAX_TITLE = 300
"""Characters of a title that citations show."""


def in_language(stored: StoredDocument, config: dict[str, Any]) -> StoredDocument:
    """The document in the language that its source is said to be in, else in the one that was detected."""
    language = config.get("language") or stored.document.language
    return replace(stored, document=replace(stored.document, language=language))


class SourceReader:
    """Source → its text, with the title and URL that citations show."""

    def __init__(
        self, store: EventStore, contents: ContentRows, fetcher: Fetcher, extractor: Extractor
    ) -> None:
        self._store = store
        self._contents = contents
        self._fetcher = fetcher
        self._extractor = extractor

    async def read(self, scope: TenantScope, state: Source) -> StoredDocument:
        """Raises LastingFailure and TemporaryFailure."""
        if state.source_id is None:
            raise LastingFailure("empty_document", NOTHING)
        async with self._store.transaction(scope) as tx:
            content = await self._contents.content(tx, state.source_id)
        if content is None:
            raise LastingFailure("empty_document", NOTHING)
        if state.source_type == "url":
            return await self._page(content)
        return await self._given(state, content)

    async def _page(self, content: SourceContent) -> StoredDocument:
        """A page or file on the web."""
        url = intake.url_of(content.config)
        if url is None:
            raise LastingFailure("empty_document", NOTHING)
        page = await self._fetcher.fetch(url)
        document = await self._extractor.extract(page.raw)
        return StoredDocument((document.title or page.url)[:MAX_TITLE], page.url, document)

    async def _given(self, state: Source, content: SourceContent) -> StoredDocument:
        """A text, named by its source; or a file, which may name itself."""
        if content.body is None or not content.body.strip():
            sentence = NOTHING if state.source_type == "text" else "The file is empty."
            raise LastingFailure("empty_document", sentence)
        if state.source_type == "text":
            document = await self._extractor.extract(Raw(content.body, "text.txt"))
            return StoredDocument(state.name[:MAX_TITLE], None, document)
        filename = str(content.config.get("original_filename") or state.name)
        document = await self._extractor.extract(Raw(content.body, filename))
        return StoredDocument((document.title or filename)[:MAX_TITLE], None, document)
