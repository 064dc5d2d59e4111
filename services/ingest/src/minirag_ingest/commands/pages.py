"""The pages of a site as sources: made, ingested, removed and brought back by its crawls, some in each transaction."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from minirag_contracts.context import Context, TenantScope
from minirag_contracts.errors import Unavailable
from minirag_eventstore import EventStore, Transaction
from minirag_service.sealing import new_salt

from minirag_ingest.commands.aggregates import Sources
from minirag_ingest.commands.conditional import fingerprint, known_page
from minirag_ingest.commands.hiding import Hidings
from minirag_ingest.domain import intake, site, source
from minirag_ingest.domain.web_address import shown
from minirag_ingest.errors import TooManySources
from minirag_ingest.ports import (
    ContentRows,
    CrawlRows,
    KnownPage,
    LastingFailure,
    SitePage,
    SourceContent,
    Target,
)

log = logging.getLogger(__name__)

AT_ONCE = 20
"""Pages of one transaction, so that nobody waits long for the site's row."""


class VersionEnded(Exception):
    """The version of the site is not being made any more."""


class SitePages:
    """All methods may be repeated."""

    def __init__(
        self, store: EventStore, rows: CrawlRows, contents: ContentRows, sources: Sources, hidings: Hidings
    ) -> None:
        self._store = store
        self._rows = rows
        self._contents = contents
        self._sources = sources
        self._hidings = hidings

    async def of(self, scope: TenantScope, site_id: UUID) -> list[SitePage]:
        """Every page that the site ever had."""
        async with self._store.transaction(scope) as tx:
            return await self._rows.pages(tx, site_id)

    async def kept(self, scope: TenantScope, page_id: UUID) -> KnownPage:
        """What may be asked for conditionally is a page that answers as it was fetched, under the configuration that it has."""
        async with self._store.transaction(scope) as tx:
            state, _ = await tx.load(source.stream_of(page_id), source.evolve, source.Source())
            config, _ = await self._contents.outline(tx, page_id)
        if state.bot_id is None or not state.visible or state.failures or state.processing:
            return KnownPage()
        found = await self._contents.origin(scope, Target(state.bot_id, page_id, state.visible))
        if found is None or found[1].links is None:
            return KnownPage()
        return known_page(found, fingerprint(config))

    async def check_room(self, scope: TenantScope, more: int) -> None:
        """Raises LastingFailure if the tenant may not have so many more sources."""
        try:
            async with self._store.transaction(scope) as tx:
                await self._sources.quotas.check_sources(tx, more)
        except TooManySources as full:
            sentence = f"The site has {more:,} new pages, so nothing was changed. {full.detail}"
            raise LastingFailure(full.code, sentence) from full

    async def take(
        self, context: Context, target: Target, urls: Sequence[str], config: Mapping[str, Any]
    ) -> None:
        """These pages become versions of what was fetched; ``config`` is the site's. Raises VersionEnded."""
        waiting = await self._rows.waiting(context.scope, target, urls)
        for batch in _batches(waiting):
            async with self._store.transaction(context.scope) as tx:
                parent = await self._current(tx, target)
                for url in batch:
                    await self._take(tx, context, target, parent, url, {**config, "url": url})

    async def remove(self, context: Context, target: Target, urls: Sequence[str]) -> None:
        """These pages answer no more. Raises VersionEnded."""
        for batch in _batches(urls):
            keys: dict[UUID, str] = {}
            async with self._store.transaction(context.scope) as tx:
                await self._current(tx, target)
                for url in batch:
                    keys.update(await self._remove(tx, context, target.source_id, url))
            for page_id, key in keys.items():
                try:
                    await self._hidings.confirm(context, page_id, key)
                except Unavailable:
                    log.warning("a page is hidden later", extra={"source_id": str(page_id)})

    async def _current(self, tx: Transaction, target: Target) -> source.Source:
        """The site, locked before its pages as everywhere."""
        state, _ = await self._sources.load(tx, target.source_id)
        if not source.is_current(state, target.version):
            raise VersionEnded
        return state

    async def _take(
        self,
        tx: Transaction,
        context: Context,
        target: Target,
        parent: source.Source,
        url: str,
        config: dict[str, Any],
    ) -> None:
        page_id = site.page_id(target.source_id, url)
        state, recorded = await self._sources.load(tx, page_id)
        if state.source_id is None:
            settings = source.Settings(
                shown(url, intake.MAX_NAME), config=intake.public_config("url", config)
            )
            create = source.Create(page_id, target.bot_id, "url", settings, target.source_id, parent)
            await self._sources.create(tx, context, create, SourceContent(config), new_salt())
        elif not state.active:
            if not await self._rows.is_removed(tx, page_id):
                return  # deleted by people while this crawl went on
            back = source.decide(state, source.Activate(something=False, parent=parent))
            await self._sources.append(tx, context, page_id, recorded, back)
        await self._rows.mark(tx, target.source_id, url, page_id, removed=False)
        state, recorded = await self._sources.load(tx, page_id)
        # A version that others have asked for waits for this, unless it was read before the crawl began.
        asked = [] if state.processing else source.decide(state, source.Ingest("crawl"))
        version = state.version if state.processing else state.version + 1
        await self._rows.assign(tx, target, url, Target(target.bot_id, page_id, version))
        await self._sources.append(tx, context, page_id, recorded, asked)

    async def _remove(self, tx: Transaction, context: Context, site_id: UUID, url: str) -> dict[UUID, str]:
        """The work that hides it; nothing if it was not active any more."""
        page_id = site.page_id(site_id, url)
        loaded = await self._sources.load(tx, page_id)
        if not await self._sources.remove(tx, context, page_id, loaded):
            return {}
        key = f"{page_id}:{loaded[1]}"
        await self._hidings.note(tx, page_id, key)
        await self._rows.mark(tx, site_id, url, page_id, removed=True)
        return {page_id: key}


def _batches(urls: Sequence[str]) -> Iterator[Sequence[str]]:
    return (urls[at : at + AT_ONCE] for at in range(0, len(urls), AT_ONCE))
