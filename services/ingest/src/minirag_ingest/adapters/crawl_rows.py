"""Crawls in Postgres: what they have seen so far, and the pages that wait to be ingested."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any
from uuid import UUID

from minirag_contracts.context import TenantScope
from minirag_eventstore import EventStore, Transaction

from minirag_ingest.domain.crawl_plan import CrawlPlan
from minirag_ingest.domain.frontier import Seeds, Visit
from minirag_ingest.ports import CrawlState, Page, SitePage, Target


class PostgresCrawlRows:
    """The port CrawlRows."""

    def __init__(self, store: EventStore) -> None:
        self._store = store

    async def begin(self, scope: TenantScope, target: Target, plan: CrawlPlan) -> CrawlState:
        """The first process of a version sets its plan."""
        async with self._store.transaction(scope) as tx:
            await tx.connection.execute(
                """INSERT INTO crawls (tenant_id, source_id, version, plan) VALUES ($1, $2, $3, $4)
                   ON CONFLICT (source_id) DO UPDATE SET version = $3, plan = $4, seeds = NULL WHERE crawls.version < $3""",
                scope.tenant_id,
                target.source_id,
                target.version,
                asdict(plan),
            )
            row = await tx.connection.fetchrow(
                "SELECT plan, seeds, finished_plan, warned FROM crawls WHERE source_id = $1", target.source_id
            )
            await tx.connection.execute(
                "DELETE FROM fetched_pages WHERE source_id = $1 AND version < $2 AND page_id IS NULL",
                target.source_id,
                target.version,
            )
        assert row is not None  # inserted above, and never deleted
        begun, seeds = _begun(dict(row))
        finished = CrawlPlan.from_json(row["finished_plan"]) if row["finished_plan"] else None
        return CrawlState(begun, seeds, row["warned"] or finished != begun)

    async def pause(self, scope: TenantScope, site_id: UUID) -> float | None:
        """As the site and its robots.txt said."""
        async with self._store.transaction(scope) as tx:
            row = await tx.connection.fetchrow("SELECT plan, seeds FROM crawls WHERE source_id = $1", site_id)
        if row is None:
            return None
        plan, seeds = _begun(dict(row))
        return (seeds or Seeds()).pause(plan)

    async def keep_seeds(self, scope: TenantScope, target: Target, seeds: Seeds) -> None:
        """What the site said before its first page."""
        async with self._store.transaction(scope) as tx:
            await tx.connection.execute(
                "UPDATE crawls SET seeds = $3 WHERE source_id = $1 AND version = $2",
                target.source_id,
                target.version,
                asdict(seeds),
            )

    async def visits(self, scope: TenantScope, target: Target) -> list[Visit]:
        """In their order."""
        async with self._store.transaction(scope) as tx:
            rows = await tx.connection.fetch(
                """SELECT url, depth, found, result, reason, note, links FROM fetched_pages
                   WHERE source_id = $1 AND version = $2 ORDER BY number""",
                target.source_id,
                target.version,
            )
        return [Visit(**{**row, "links": tuple(row["links"])}) for row in map(dict, rows)]

    async def quiet_for(self, scope: TenantScope, target: Target) -> float | None:
        """Seconds."""
        async with self._store.transaction(scope) as tx:
            found: float | None = await tx.connection.fetchval(
                """SELECT extract(epoch FROM now() - max(fetched_at))::float8 FROM fetched_pages
                   WHERE source_id = $1 AND version = $2""",
                target.source_id,
                target.version,
            )
        return found

    async def keep(
        self, scope: TenantScope, target: Target, number: int, visits: Sequence[Visit], page: Page | None
    ) -> bool:
        """Visits, and with the last of them what was fetched. Whoever ends the version does so before or after."""
        rows = [
            (*_row(scope, target, number + place, visit), *_fetched(page if visit is visits[-1] else None))
            for place, visit in enumerate(visits)
        ]
        async with self._store.transaction(scope) as tx:
            going_on = await tx.connection.fetchrow(
                "SELECT FROM sources WHERE source_id = $1 AND version = $2 AND status = 'processing' FOR SHARE",
                target.source_id,
                target.version,
            )
            if going_on is None:
                return False
            await tx.connection.executemany(
                """INSERT INTO fetched_pages (tenant_id, source_id, version, url, number, depth, found, result, reason, note,
                                              links, final_url, media_type, charset, etag, last_modified, body)
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
                   ON CONFLICT (source_id, version, url) DO NOTHING""",
                rows,
            )
        return True

    async def pages(self, tx: Transaction, site_id: UUID) -> list[SitePage]:
        """By URL."""
        rows = await tx.connection.fetch(
            """SELECT p.url, p.page_id, p.is_removed, s.is_active FROM site_pages p JOIN sources s ON s.source_id = p.page_id
               WHERE p.site_id = $1 ORDER BY p.url""",
            site_id,
        )
        return [SitePage(**dict(row)) for row in rows]

    async def is_removed(self, tx: Transaction, page_id: UUID) -> bool:
        """By its last mark."""
        return bool(
            await tx.connection.fetchval("SELECT is_removed FROM site_pages WHERE page_id = $1", page_id)
        )

    async def waiting(self, scope: TenantScope, target: Target, urls: Sequence[str]) -> list[str]:
        """In the order in which they were seen."""
        async with self._store.transaction(scope) as tx:
            rows = await tx.connection.fetch(
                """SELECT url FROM fetched_pages
                   WHERE source_id = $1 AND version = $2 AND url = ANY($3) AND page_id IS NULL ORDER BY number""",
                target.source_id,
                target.version,
                list(urls),
            )
        return [row["url"] for row in rows]

    async def assign(self, tx: Transaction, target: Target, url: str, page: Target) -> None:
        """What an older crawl has brought for the page and nobody has read is forgotten."""
        await tx.connection.execute(
            """DELETE FROM fetched_pages
               WHERE page_id = $1 AND page_version <= $2 AND NOT (source_id = $3 AND version = $4)""",
            page.source_id,
            page.version,
            target.source_id,
            target.version,
        )
        await tx.connection.execute(
            """UPDATE fetched_pages SET page_id = $4, page_version = $5
               WHERE source_id = $1 AND version = $2 AND url = $3""",
            target.source_id,
            target.version,
            url,
            page.source_id,
            page.version,
        )

    async def mark(self, tx: Transaction, site_id: UUID, url: str, page_id: UUID, *, removed: bool) -> None:
        """A new page, one that is back, or one that is gone."""
        await tx.connection.execute(
            """INSERT INTO site_pages (tenant_id, page_id, site_id, url, is_removed) VALUES ($1, $2, $3, $4, $5)
               ON CONFLICT (page_id) DO UPDATE SET is_removed = $5""",
            tx.scope.tenant_id,
            page_id,
            site_id,
            url,
            removed,
        )

    async def finish(
        self, tx: Transaction, site_id: UUID, version: int, *, is_seen: bool = False, is_warned: bool = False
    ) -> None:
        """Keeps the plan, and what still waits to be ingested."""
        await tx.connection.execute(
            """UPDATE crawls SET finished_plan = CASE WHEN $3 THEN plan ELSE finished_plan END,
                                 warned = CASE WHEN $3 THEN false ELSE warned OR $4 END
               WHERE source_id = $1 AND version = $2""",
            site_id,
            version,
            is_seen,
            is_warned,
        )
        await tx.connection.execute(
            "DELETE FROM fetched_pages WHERE source_id = $1 AND version <= $2 AND page_id IS NULL",
            site_id,
            version,
        )


def _begun(row: dict[str, Any]) -> tuple[CrawlPlan, Seeds | None]:
    said = row["seeds"]
    seeds = Seeds(**{**said, "pages": tuple(said["pages"])}) if said else None
    return CrawlPlan.from_json(row["plan"]), seeds


def _row(scope: TenantScope, target: Target, number: int, visit: Visit) -> tuple[Any, ...]:
    return (
        scope.tenant_id,
        target.source_id,
        target.version,
        visit.url,
        number,
        visit.depth,
        visit.found,
        visit.result,
        visit.reason,
        visit.note,
        list(visit.links),
    )


def _fetched(page: Page | None) -> tuple[Any, ...]:
    if page is None:
        return (None,) * 6
    said = page.validators
    return (
        page.url,
        page.raw.media_type,
        page.raw.charset,
        said.etag,
        said.last_modified,
        page.raw.data,
    )
