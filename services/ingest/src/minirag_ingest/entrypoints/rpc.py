"""Requests about sources."""

from minirag_contracts.requests.ingest import (
    CancelIngestion,
    CreateSource,
    CreateSourceBatch,
    DeactivateSource,
    GetIngestLimits,
    GetSource,
    GetSourcesSummary,
    IngestChildren,
    IngestSource,
    ListChildren,
    ListIngestions,
    ListSources,
    ListVersions,
    PreviewCrawl,
    RollBackSource,
    UpdateSource,
    UploadSource,
    UploadSourceBatch,
)
from minirag_service import Runtime

from minirag_ingest.commands.changes import ChangeCommands
from minirag_ingest.commands.families import FamilyCommands
from minirag_ingest.commands.previewing import CrawlPreviews
from minirag_ingest.commands.sources import SourceCommands
from minirag_ingest.commands.uploads import UploadCommands
from minirag_ingest.commands.versions import VersionCommands
from minirag_ingest.queries import LimitQueries, SourceQueries


def register(
    runtime: Runtime,
    commands: SourceCommands,
    uploads: UploadCommands,
    families: FamilyCommands,
    changes: ChangeCommands,
    versions: VersionCommands,
    queries: SourceQueries,
    previews: CrawlPreviews,
    limits: LimitQueries,
) -> None:
    """Answers ``rpc.ingest.sources.*``."""
    runtime.on(CreateSource, commands.create)
    runtime.on(UploadSource, uploads.upload)
    runtime.on(UploadSourceBatch, uploads.upload_batch)
    runtime.on(IngestSource, commands.ingest)
    runtime.on(CreateSourceBatch, families.create_batch)
    runtime.on(IngestChildren, families.ingest_children)
    runtime.on(UpdateSource, changes.update)
    runtime.on(DeactivateSource, changes.deactivate)
    runtime.on(RollBackSource, versions.roll_back)
    runtime.on(CancelIngestion, versions.cancel)
    runtime.on(PreviewCrawl, previews.preview)
    runtime.on(GetSource, queries.get)
    runtime.on(ListSources, queries.list)
    runtime.on(ListChildren, queries.children)
    runtime.on(GetSourcesSummary, queries.summary)
    runtime.on(ListIngestions, queries.ingestions)
    runtime.on(ListVersions, queries.versions)
    runtime.on(GetIngestLimits, limits.get)
