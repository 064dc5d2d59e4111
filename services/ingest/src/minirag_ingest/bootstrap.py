"""The one place that joins ports and adapters."""

from pathlib import Path

from minirag_eventstore import RetryPolicy, WorkRunner
from minirag_service import Runtime
from minirag_service.egress import Allowance, GuardedClient

from minirag_ingest.adapters.archive_rows import PostgresArchiveRows
from minirag_ingest.adapters.bots import KnownBots
from minirag_ingest.adapters.chunker import SentenceChunker
from minirag_ingest.adapters.content_rows import PostgresContentRows
from minirag_ingest.adapters.crawl_rows import PostgresCrawlRows
from minirag_ingest.adapters.disk import DataDisk
from minirag_ingest.adapters.extract.archives import ArchiveWorkers
from minirag_ingest.adapters.extract.pool import ExtractionPool
from minirag_ingest.adapters.extract.tokenizer import MiniLmTokens
from minirag_ingest.adapters.extract.worker import Limits
from minirag_ingest.adapters.index import BusIndex
from minirag_ingest.adapters.ingestion_rows import PostgresIngestionRows
from minirag_ingest.adapters.progress import BusProgress
from minirag_ingest.adapters.progress_rows import PostgresProgressRows
from minirag_ingest.adapters.refresh_rows import PostgresRefreshRows
from minirag_ingest.adapters.source_rows import PostgresSourceRows
from minirag_ingest.adapters.transfer import BusTransfer
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
from minirag_ingest.entrypoints import health, rpc
from minirag_ingest.queries import LimitQueries, SourceQueries
from minirag_ingest.settings import Settings

MEGABYTE = 1024 * 1024


async def assemble(runtime: Runtime, settings: Settings) -> None:
    """Registers what this service answers and works on."""
    client = GuardedClient(Allowance.parse(settings.egress_allow), timeout=settings.ingest_fetch_timeout)
    runtime.on_stop(client.close)
    extraction = ExtractionPool(size=settings.ingest_extraction_workers, limits=_limits(settings))
    runtime.on_stop(extraction.close)
    fetcher, disk = WebFetcher(client), DataDisk(settings.data_dir or Path.cwd())
    index = BusIndex(runtime.bus, settings.ingest_stage_deadline)
    rows, contents, history = (
        PostgresSourceRows(),
        PostgresContentRows(runtime.store),
        PostgresIngestionRows(),
    )
    arranged = Schedules(runtime.store, PostgresRefreshRows(runtime.database))
    notes = PostgresProgressRows(runtime.store)
    meters = Meters(BusProgress(runtime.bus), notes)
    leftovers = Leftovers(contents, notes)
    outcomes = Outcomes(rows, contents, leftovers, arranged)
    polite, crawl_rows = PoliteFetcher(fetcher, Gates()), PostgresCrawlRows(runtime.store)
    reader = SourceReader(runtime.store, contents, crawl_rows, polite, extraction)
    chunker = SentenceChunker(MiniLmTokens(), extraction.chunk)
    making = Making(runtime.store, contents, reader, chunker, index, meters)
    attempts = RetryPolicy(settings.ingest_retry_delays).attempts
    ingestion = Ingestion(runtime.store, outcomes, making, meters, attempts)
    runner = _ingest(runtime, settings, ingestion)
    hidings = Hidings(runtime.store, rows, index)
    _hide(runtime, settings, hidings)
    given = Given(fetcher, disk)
    most = Most(settings.ingest_max_sources, settings.ingest_max_queued)
    quotas = Quotas(rows, most)
    sources = Sources(
        rows, contents, KnownBots(runtime.store, runtime.bus), runner, arranged, quotas, leftovers
    )
    _refresh(runtime, arranged, Refreshes(runtime.store, sources, contents, arranged, given))
    archives, transfer = PostgresArchiveRows(runtime.store), BusTransfer(runtime.bus)
    opener = ArchiveWorkers(_limits(settings), largest=settings.archive_limit)
    ingestion.unpacks(Unpacking(runtime.store, rows, contents, archives, sources, given, opener))
    explorer = Explorer(polite, extraction)
    pages = SitePages(runtime.store, crawl_rows, contents, sources, hidings)
    crawls = Crawls(
        runtime.store, ingestion, outcomes, explorer, crawl_rows, contents, pages, index, meters, given
    )
    _crawl(runtime, settings, crawls)
    rpc.register(
        runtime,
        SourceCommands(runtime.store, sources, given),
        UploadCommands(runtime.store, rows, archives, sources, given, transfer, settings.archive_limit),
        FamilyCommands(runtime.store, rows, sources, given),
        ChangeCommands(runtime.store, rows, contents, sources, given, hidings),
        VersionCommands(runtime.store, sources, history, given),
        SourceQueries(runtime.store, rows, history),
        CrawlPreviews(explorer, given),
        LimitQueries(runtime.store, rows, most),
    )
    runtime.check("disk", health.disk_check(disk))


def _ingest(runtime: Runtime, settings: Settings, ingestion: Ingestion) -> WorkRunner:
    return runtime.work(
        WorkRunner(
            runtime.store,
            WORK_KIND,
            ingestion.make,
            concurrency=settings.ingest_concurrency,
            share=max(1, int(settings.ingest_concurrency * settings.ingest_tenant_share)),
            lease=settings.ingest_lease,
            retry=RetryPolicy(settings.ingest_retry_delays),
            forgive=INTERRUPTIONS,
            on_parked=ingestion.give_up,
        )
    )


def _hide(runtime: Runtime, settings: Settings, hidings: Hidings) -> None:
    runtime.work(
        WorkRunner(
            runtime.store,
            hiding.WORK_KIND,
            hidings.run,
            lease=settings.ingest_stage_deadline,
            forgive=INTERRUPTIONS,
        )
    )


def _refresh(runtime: Runtime, arranged: Schedules, refreshes: Refreshes) -> None:
    runtime.work(
        WorkRunner(runtime.store, schedules.WORK_KIND, refreshes.run, on_parked=refreshes.keep_going)
    )
    runtime.background("schedules", arranged.keep_complete)


def _crawl(runtime: Runtime, settings: Settings, crawls: Crawls) -> None:
    """Sites are looked through beside the documents, which they must not keep waiting."""
    runtime.work(
        WorkRunner(
            runtime.store,
            CRAWL_KIND,
            crawls.make,
            concurrency=settings.ingest_crawls,
            share=max(1, int(settings.ingest_crawls * settings.ingest_tenant_share)),
            lease=settings.ingest_lease,
            retry=RetryPolicy(settings.ingest_retry_delays),
            forgive=INTERRUPTIONS,
            on_parked=crawls.give_up,
        )
    )


def _limits(settings: Settings) -> Limits:
    return Limits(
        memory=settings.ingest_extraction_memory * MEGABYTE,
        cpu_seconds=int(settings.ingest_extraction_cpu.total_seconds()),
        seconds=settings.ingest_extraction_timeout.total_seconds(),
    )
