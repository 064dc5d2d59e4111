"""Requests about the index."""

from minirag_contracts.requests.retrieval import (
    ActivateVersion,
    GetIndexSummary,
    HideSources,
    Search,
    StageChunks,
)
from minirag_service import Runtime

from minirag_retrieval.commands.activation import Activations
from minirag_retrieval.commands.hiding import Hidings
from minirag_retrieval.commands.staging import Staging
from minirag_retrieval.queries import Searching
from minirag_retrieval.queries.summary import Summary


def register(
    runtime: Runtime,
    staging: Staging,
    activations: Activations,
    hidings: Hidings,
    searching: Searching,
    summary: Summary,
) -> None:
    """Answers ``rpc.retrieval.*``."""
    runtime.on(StageChunks, staging.stage)
    runtime.on(ActivateVersion, activations.activate)
    runtime.on(HideSources, hidings.hide)
    runtime.on(Search, searching.search)
    runtime.on(GetIndexSummary, summary.index)
