"""The ingest service without its process, beside twins of its neighbours, and commands with good defaults."""

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from contexts import a_context
from cryptography.fernet import Fernet
from ingest_twins import (
    RememberingBots,
    RememberingIndex,
    RememberingProgress,
    RememberingTransfer,
    SizedDisk,
)
from minirag_contracts.context import TenantScope
from minirag_contracts.examples import TENANT_ID
from minirag_contracts.ids import new_id
from minirag_contracts.requests.ingest import (
    CancelIngestion,
    CreateSource,
    DeactivateSource,
    GetSource,
    IngestionList,
    IngestSource,
    ListChildren,
    ListIngestions,
    ListVersions,
    RollBackSource,
    SourceChanges,
    SourceRead,
    UpdateSource,
    UploadSource,
    VersionList,
)
from minirag_eventstore import Database, EventStore, RetryPolicy, WorkItem, WorkRunner, log
from minirag_eventstore.rebuild import rebuild_own
from minirag_ingest.adapters.archive_rows import PostgresArchiveRows
from minirag_ingest.adapters.chunker import SentenceChunker
from minirag_ingest.adapters.content_rows import PostgresContentRows
from minirag_ingest.adapters.crawl_rows import PostgresCrawlRows
from minirag_ingest.adapters.extract.archives import ArchiveWorkers
from minirag_ingest.adapters.extract.pool import ExtractionPool
from minirag_ingest.adapters.extract.tokenizer import MiniLmTokens
from minirag_ingest.adapters.extract.worker import Limits
from minirag_ingest.adapters.ingestion_rows import PostgresIngestionRows
from minirag_ingest.adapters.progress_rows import PostgresProgressRows
from minirag_ingest.adapters.refresh_rows import PostgresRefreshRows
from minirag_ingest.adapters.source_rows import PostgresSourceRows
from minirag_ingest.adapters.web import WebFetcher
from minirag_ingest.commands import hiding, schedules
from minirag_ingest.commands.aggregates import Sources
from minirag_ingest.commands.changes import ChangeCommands
from minirag_ingest.commands.crawling import Crawls
from minirag_ingest.commands.exploring import Explorer
from minirag_ingest.commands.families import FamilyCommands
from minirag_ingest.commands.given import Given
from minirag_ingest.commands.hiding import Hidings
from minirag_ingest.commands.ingestion import Ingestion, Outcomes
from minirag_ingest.commands.leftovers import Leftovers
from minirag_ingest.commands.making import Making
from minirag_ingest.commands.pages import SitePages
from minirag_ingest.commands.politeness import Gates, PoliteFetcher
from minirag_ingest.commands.previewing import CrawlPreviews
from minirag_ingest.commands.progress import Meters
from minirag_ingest.commands.quotas import Most, Quotas
from minirag_ingest.commands.reading import SourceReader
from minirag_ingest.commands.refreshing import Refreshes
from minirag_ingest.commands.schedules import Schedules
from minirag_ingest.commands.sources import SourceCommands
from minirag_ingest.commands.unpacking import Unpacking
from minirag_ingest.commands.uploads import UploadCommands
from minirag_ingest.commands.versioned_work import CRAWL_KIND, INTERRUPTIONS, WORK_KIND
from minirag_ingest.commands.versions import VersionCommands
from minirag_ingest.domain import source
from minirag_ingest.projections import PROJECTIONS
from minirag_ingest.queries import SourceQueries
from minirag_service.egress import Allowance, GuardedClient
from minirag_service.egress.backend import Resolver, resolve
from minirag_service.sealing import Sealer

TENANT = TENANT_ID
BOT = new_id()
ARCHIVE_LIMIT = 20 * 1024 * 1024
KEY = Fernet.generate_key().decode()
"""All processes of a service have the same."""


def a_source(content: str | None = "The moon is made of rock.", **fields: Any) -> CreateSource:
    """A text source."""
    values = {"bot_id": BOT, "name": "Moon facts", "source_type": "text", "content": content} | fields
    return CreateSource.model_validate(values)


def a_url(url: str, **fields: Any) -> CreateSource:
    """A source that is fetched."""
    return a_source(None, source_type="url", config={"url": url}, **fields)


def a_crawl(url: str, **crawl: Any) -> CreateSource:
    """A site that is crawled, without pauses."""
    config = {"url": url, "crawl": {"delay_seconds": 0} | crawl}
    return a_source(None, source_type="url", config=config, name="Site")


def an_upload(filename: str, data: bytes, **fields: Any) -> UploadSource:
    """A file that waits in the transfer store."""
    values = {
        "bot_id": BOT,
        "name": filename,
        "filename": filename,
        "object_name": filename,
        "size": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    return UploadSource.model_validate(values | fields)


class Ingest:
    """One process of the service with real rows, real extraction and real fetching. ``index`` is retrieval's part, a twin of its
    own unless one is given; ``most`` is what a tenant may have.
    """

    def __init__(
        self,
        database: Database,
        delays: Sequence[float] = (0.05, 0.05),
        lease: float = 5.0,
        allow: str = "127.0.0.1",
        resolver: Resolver = resolve,
        index: Any = None,
        most: Most | None = None,
    ) -> None:
        self._given = {"delays": delays, "lease": lease, "allow": allow, "resolver": resolver, "most": most}
        self._lease = lease
        self._others: list[Ingest] = []
        self._at_work: list[asyncio.Task[None]] = []
        self.database = database
        self.index = index or RememberingIndex()
        self.bots = RememberingBots({(TENANT, BOT)})
        self.transfer = RememberingTransfer()
        self.disk = SizedDisk()
        self.client = GuardedClient(Allowance.parse(allow), resolver=resolver)
        self.extraction = ExtractionPool(size=1)
        self.store = EventStore("ingest", database, PROJECTIONS, Sealer([KEY]))
        self.rows = PostgresSourceRows()
        self.contents = PostgresContentRows(self.store)
        fetcher = WebFetcher(self.client)
        retry = RetryPolicy(tuple(timedelta(seconds=delay) for delay in delays))
        self.progress = RememberingProgress()
        self.schedules = Schedules(self.store, PostgresRefreshRows(database))
        notes = PostgresProgressRows(self.store)
        self.meters = Meters(self.progress, notes)
        leftovers = Leftovers(self.contents, notes)
        self.outcomes = Outcomes(self.rows, self.contents, leftovers, self.schedules)
        self.polite, self.crawl_rows = PoliteFetcher(fetcher, Gates()), PostgresCrawlRows(self.store)
        reader = SourceReader(self.store, self.contents, self.crawl_rows, self.polite, self.extraction)
        chunker = SentenceChunker(MiniLmTokens(), self.extraction.chunk)
        self.making = Making(self.store, self.contents, reader, chunker, self.index, self.meters)
        self.ingestion = Ingestion(self.store, self.outcomes, self.making, self.meters, retry.attempts)
        self.runner = self._runner(
            WORK_KIND,
            self.ingestion.make,
            concurrency=4,
            retry=retry,
            forgive=INTERRUPTIONS,
            on_parked=self.ingestion.give_up,
        )
        self.hidings = Hidings(self.store, self.rows, self.index)
        self.hiding_runner = self._runner(hiding.WORK_KIND, self.hidings.run)
        given = Given(fetcher, self.disk)
        self.quotas = Quotas(self.rows, most)
        sources = Sources(
            self.rows, self.contents, self.bots, self.runner, self.schedules, self.quotas, leftovers
        )
        self.refreshes = Refreshes(self.store, sources, self.contents, self.schedules, given)
        self.refresh_runner = self._runner(
            schedules.WORK_KIND, self.refreshes.run, retry=retry, on_parked=self.refreshes.keep_going
        )
        self.commands = SourceCommands(self.store, sources, given)
        self.archives = PostgresArchiveRows(self.store)
        opener = ArchiveWorkers(Limits(), largest=ARCHIVE_LIMIT)
        self.ingestion.unpacks(
            Unpacking(self.store, self.rows, self.contents, self.archives, sources, given, opener)
        )
        self.uploads = UploadCommands(
            self.store, self.rows, self.archives, sources, given, self.transfer, ARCHIVE_LIMIT
        )
        self.families = FamilyCommands(self.store, self.rows, sources, given)
        self.changes = ChangeCommands(self.store, self.rows, self.contents, sources, given, self.hidings)
        history = PostgresIngestionRows()
        self.versions = VersionCommands(self.store, sources, history, given)
        self.queries = SourceQueries(self.store, self.rows, history)
        self._crawl(sources, given, retry)

    def _runner(self, kind: str, handler: Callable[[WorkItem], Awaitable[None]], **more: Any) -> WorkRunner:
        """What looks for its work often."""
        lease = timedelta(seconds=self._lease)
        return WorkRunner(self.store, kind, handler, lease=lease, poll=timedelta(milliseconds=20), **more)

    def _crawl(self, sources: Sources, given: Given, retry: RetryPolicy) -> None:
        """What looks through sites."""
        self.explorer = Explorer(self.polite, self.extraction, (timedelta(seconds=0.02),))
        self.previews = CrawlPreviews(self.explorer, given)
        pages = SitePages(self.store, self.crawl_rows, self.contents, sources, self.hidings)
        self.crawls = Crawls(
            self.store,
            self.ingestion,
            self.outcomes,
            self.explorer,
            self.crawl_rows,
            self.contents,
            pages,
            self.index,
            self.meters,
            given,
        )
        self.crawl_runner = self._runner(
            CRAWL_KIND, self.crawls.make, retry=retry, on_parked=self.crawls.give_up
        )

    async def create(self, request: CreateSource, **context: Any) -> SourceRead:
        """A source."""
        return await self.commands.create(request, a_context(**context))

    async def upload(self, filename: str, data: bytes, **fields: Any) -> SourceRead:
        """A file."""
        self.transfer.objects[filename] = data
        return await self.uploads.upload(an_upload(filename, data, **fields), a_context())

    async def ingest(self, source_id: UUID) -> int:
        """Asks for a version."""
        return (await self.commands.ingest(IngestSource(source_id=source_id), a_context())).version

    async def update(self, source_id: UUID, **changes: Any) -> SourceRead:
        """Changes the given fields, and no others."""
        request = UpdateSource(source_id=source_id, changes=SourceChanges(**changes))
        return await self.changes.update(request, a_context())

    async def delete(self, source_id: UUID) -> None:
        """Deactivates."""
        await self.changes.deactivate(DeactivateSource(source_id=source_id), a_context())

    async def read(self, source_id: UUID) -> SourceRead:
        """The source as clients see it."""
        return await self.queries.get(GetSource(source_id=source_id), a_context())

    async def roll_back(self, source_id: UUID, version: int | None = None) -> int:
        """Asks for a version with an earlier one's text."""
        request = RollBackSource(source_id=source_id, version=version)
        return (await self.versions.roll_back(request, a_context())).version

    async def cancel(self, source_id: UUID) -> SourceRead:
        """No more of the version that is being made."""
        return await self.versions.cancel(CancelIngestion(source_id=source_id), a_context())

    async def history(self, source_id: UUID, **page: Any) -> IngestionList:
        """The ingestions of a source and its children."""
        return await self.queries.ingestions(ListIngestions(source_id=source_id, **page), a_context())

    async def listed_versions(self, source_id: UUID, **page: Any) -> VersionList:
        """The versions that were ever visible."""
        return await self.queries.versions(ListVersions(source_id=source_id, **page), a_context())

    async def ended(self, source_id: UUID, timeout: float = 20.0) -> SourceRead:
        """The source, once it is not being processed any more."""
        async with asyncio.timeout(timeout):
            while (found := await self.read(source_id)).status == "processing":
                await asyncio.sleep(0.02)
        return found

    async def ingested(self, request: CreateSource) -> SourceRead:
        """Creates a source, asks for its ingestion and waits for the end of it."""
        created = await self.create(request)
        await self.ingest(created.id)
        return await self.ended(created.id)

    async def crawled(self, site_id: UUID, timeout: float = 20.0) -> dict[str, SourceRead]:
        """The pages of a site by path, once it and all of them are at rest."""
        await self.ended(site_id, timeout)
        async with asyncio.timeout(timeout):
            while True:
                found = await self.queries.children(ListChildren(source_id=site_id, limit=1000), a_context())
                pages = found.items
                if (
                    all(page.status != "processing" for page in pages)
                    and (await self.read(site_id)).status != "processing"
                ):
                    return {"/" + page.config["url"].split("/", 3)[3]: page for page in pages}
                await asyncio.sleep(0.02)

    async def failure(self, source_id: UUID) -> str | None:
        """The sentence of a source's own last failure."""
        return (await self.read(source_id)).error_message

    async def idle(self, timeout: float = 10.0) -> None:
        """Until nothing is being made any more."""
        async with asyncio.timeout(timeout):
            while self.runner.running or self.crawl_runner.running or await self.count("work"):
                await asyncio.sleep(0.02)

    async def events(self, source_id: UUID) -> list[str]:
        """The types of what happened to a source."""
        async with self.database.tenant(TenantScope(TENANT)) as connection:
            found = await log.load(connection, "ingest", source.stream_of(source_id))
        return [event.type for event in found]

    async def count(self, table: str) -> int:
        """The tenant's rows of a table."""
        async with self.database.tenant(TenantScope(TENANT)) as connection:
            return int(await connection.fetchval(f"SELECT count(*) FROM {table}"))

    async def differences(self) -> list[Any]:
        """What the service's own projections have that their rebuild has not, or the other way round."""
        own = [projection for projection in PROJECTIONS if projection.owner == "ingest"]
        reports = [await rebuild_own(self.database, "ingest", projection) for projection in own]
        return [difference for report in reports for difference in report.differences]

    async def work(self, kind: str) -> list[dict[str, Any]]:
        """The tenant's pieces of work of a kind."""
        async with self.database.tenant(TenantScope(TENANT)) as connection:
            rows = await connection.fetch("SELECT * FROM work WHERE kind = $1 ORDER BY key", kind)
        return [dict(row) for row in rows]

    @property
    def runners(self) -> tuple[WorkRunner, ...]:
        """All that works."""
        return self.runner, self.hiding_runner, self.crawl_runner, self.refresh_runner

    def start(self) -> None:
        """Begins to work."""
        self._at_work += [asyncio.create_task(runner.run()) for runner in self.runners]

    @contextlib.asynccontextmanager
    async def working(self) -> AsyncIterator["Ingest"]:
        """With ingestion running."""
        self.start()
        try:
            yield self
        finally:
            for runner in self.runners:
                await runner.drain(2)
            await self._stop()

    async def die(self) -> None:
        """As if it were killed at this moment: nothing more of it runs, gives its work back or renews a lease."""
        for runner in self.runners:
            runner._give_back = _nothing  # type: ignore[method-assign]
            runner._draining = True
        for runner in self.runners:
            for _, task in list(runner._running.values()):
                task.cancel()
        await self._stop()
        await self.close()

    async def _stop(self) -> None:
        while self._at_work:
            await stopped(self._at_work.pop())

    def another(self, **options: Any) -> "Ingest":
        """A further process of the service: the same database, index and options, but for those given; closed with this one."""
        process = Ingest(self.database, **{**self._given, "index": self.index, **options})
        self._others.append(process)
        return process

    async def close(self) -> None:
        """Ends children and connections."""
        for other in self._others:
            await other.close()
        await self.extraction.close()
        await self.client.close()


async def _nothing(*_: object, **__: object) -> None:
    """What a dead process does."""


async def stopped(task: asyncio.Task[None]) -> None:
    """Cancels until it ends: one cancellation may be lost in asyncio.wait_for of Python 3.11."""
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=0.1)
