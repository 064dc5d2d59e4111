"""Requests about sources."""

from minirag_contracts.requests.ingest import CreateSource, GetSource, IngestSource, ListSources, UploadSource
from minirag_service import Runtime

from minirag_ingest.commands.sources import SourceCommands
from minirag_ingest.queries import SourceQueries


def register(runtime: Runtime, commands: SourceCommands, queries: SourceQueries) -> None:
    """Answers ``rpc.ingest.sources.*``."""
    runtime.on(CreateSource, commands.create)
    runtime.on(UploadSource, commands.upload)
    runtime.on(IngestSource, commands.ingest)
    runtime.on(GetSource, queries.get)
    runtime.on(ListSources, queries.list)
