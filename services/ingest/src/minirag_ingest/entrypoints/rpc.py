"""Requests about sources."""

from minirag_contracts.requests.ingest import (
    CreateSource,
    CreateSourceBatch,
    DeactivateSource,
    GetSource,
    GetSourcesSummary,
    IngestChildren,
    IngestSource,
    ListChildren,
    ListSources,
    PreviewCrawl,
    UpdateSource,
    UploadSource,
)
from minirag_service import Runtime

from minirag_ingest.commands.changes import ChangeCommands
from minirag_ingest.commands.families import FamilyCommands
from minirag_ingest.commands.previewing import CrawlPreviews
from minirag_ingest.commands.sources import SourceCommands
from minirag_ingest.queries import SourceQueries


def register(
    runtime: Runtime,
    commands: SourceCommands,
    families: FamilyCommands,
    changes: ChangeCommands,
    queries: SourceQueries,
    previews: CrawlPreviews,
) -> None:
    """Answers ``rpc.ingest.sources.*``."""
    runtime.on(CreateSource, commands.create)
    runtime.on(UploadSource, commands.upload)
    runtime.on(IngestSource, commands.ingest)
    runtime.on(CreateSourceBatch, families.create_batch)
    runtime.on(IngestChildren, families.ingest_children)
    runtime.on(UpdateSource, changes.update)
    runtime.on(DeactivateSource, changes.deactivate)
    runtime.on(PreviewCrawl, previews.preview)
    runtime.on(GetSource, queries.get)
    runtime.on(ListSources, queries.list)
    runtime.on(ListChildren, queries.children)
    runtime.on(GetSourcesSummary, queries.summary)
