"""Getting a source's document: from what was given, or from where it lies."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from minirag_contracts.context import TenantScope
from minirag_eventstore import EventStore

from minirag_ingest.commands.conditional import fetch_anew, fingerprint, known_page
from minirag_ingest.commands.politeness import PoliteFetcher
from minirag_ingest.domain import intake, source
from minirag_ingest.domain.source import Source
from minirag_ingest.domain.web_address import canonical
from minirag_ingest.ports import (
    Busy,
    ContentRows,
    CrawlRows,
    Extractor,
    LastingFailure,
    NotModified,
    Origin,
    Page,
    Raw,
    SourceContent,
    StoredDocument,
    Target,
)

NOTHING = "No content to ingest"
CRAWLING = "The site is being crawled, which brings this page."
SHORTEST_WAIT = timedelta(seconds=1)
LONGEST_WAIT = timedelta(minutes=5)
"""For a crawl to end: a large site has many pages that wait, and each of them looks after it so often."""
MAX_TITLE = 300
"""Characters of a title that citations show."""


def in_language(stored: StoredDocument, config: dict[str, Any]) -> StoredDocument:
    """The document in the language that its source is said to be in, else in the one that was detected."""
    language = config.get("language") or stored.document.language
    return replace(stored, document=replace(stored.document, language=language))


class SourceReader:
    """Source → its text, with the title and URL that citations show."""

    def __init__(
        self,
        store: EventStore,
        contents: ContentRows,
        crawls: CrawlRows,
        fetcher: PoliteFetcher,
        extractor: Extractor,
    ) -> None:
        self._store = store
        self._contents = contents
        self._crawls = crawls
        self._fetcher = fetcher
        self._extractor = extractor

    async def read(
        self, scope: TenantScope, state: Source, asked_at: datetime
    ) -> StoredDocument | NotModified:
        """NotModified: what is visible has this very document. Raises LastingFailure, TemporaryFailure and Busy; the longer it
        is since the version was ``asked_at``, the longer a crawl that will bring the page is waited for.
        """
        if state.source_id is None:
            raise LastingFailure("empty_document", NOTHING)
        async with self._store.transaction(scope) as tx:
            content = await self._contents.content(tx, state.source_id)
        if content is None:
            raise LastingFailure("empty_document", NOTHING)
        if state.source_type == "url":
            return await self._page(scope, state, content, asked_at)
        return await self._given(state, content)

    async def _page(
        self, scope: TenantScope, state: Source, content: SourceContent, asked_at: datetime
    ) -> StoredDocument | NotModified:
        """A page or file on the web."""
        url = intake.url_of(content.config)
        if url is None:
            raise LastingFailure("empty_document", NOTHING)
        asked = fingerprint(content.config)
        crawling = await self._is_being_crawled(scope, state)  # before looking, since it may end meanwhile
        brought, links = await self._brought(scope, state, url)
        if brought is None and crawling:
            waited = datetime.now(UTC) - asked_at
            raise Busy(min(max(waited, SHORTEST_WAIT), LONGEST_WAIT), CRAWLING)
        page = brought or await self._fetched(scope, state, url, asked)
        if isinstance(page, NotModified):
            return page
        document = await self._extractor.extract(page.raw)
        title = (document.title or page.url)[:MAX_TITLE]
        return StoredDocument(title, page.url, document, Origin(asked, page.validators, links))

    async def _is_being_crawled(self, scope: TenantScope, state: Source) -> bool:
        """Whether the page belongs to a site that a crawl looks through just now: it need not be fetched twice."""
        if state.parent_id is None:
            return False
        async with self._store.transaction(scope) as tx:
            parent, _ = await tx.load(source.stream_of(state.parent_id), source.evolve, Source())
        return parent.is_site and parent.processing

    async def _brought(
        self, scope: TenantScope, state: Source, url: str
    ) -> tuple[Page | None, tuple[str, ...] | None]:
        """What a crawl has fetched for this version, and the links that it follows from there."""
        if state.parent_id is None or state.bot_id is None or state.source_id is None:
            return None, None
        found = await self._contents.fetched(scope, Target(state.bot_id, state.source_id, state.version))
        if found is None or found.url != canonical(url):
            return None, None
        return found.page, found.links

    async def _fetched(self, scope: TenantScope, state: Source, url: str, asked: bytes) -> Page | NotModified:
        """Asked for conditionally only if the version that answers was fetched, under the same configuration; a page of a site
        when it is its turn.
        """
        pause = None if state.parent_id is None else await self._crawls.pause(scope, state.parent_id)
        known = known_page(await self._kept(scope, state), asked)
        self._fetcher.check_turn(url, pause)
        return await fetch_anew(partial(self._fetcher.fetch, url, pause), known)

    async def _kept(self, scope: TenantScope, state: Source) -> tuple[str, Origin] | None:
        if state.visible == 0 or state.bot_id is None or state.source_id is None:
            return None
        return await self._contents.origin(scope, Target(state.bot_id, state.source_id, state.visible))

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
