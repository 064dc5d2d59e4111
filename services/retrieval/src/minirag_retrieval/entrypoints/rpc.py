"""Requests about the index."""

from minirag_contracts.requests.retrieval import (
    ActivateVersion,
    GetIndexSummary,
    HideSources,
    Search,
    StageChunks,
)
from minirag_messaging.rpc_lane import Lane
from minirag_service import Runtime

from minirag_retrieval.commands.activation import Activations
from minirag_retrieval.commands.hiding import Hidings
from minirag_retrieval.commands.staging import Staging
from minirag_retrieval.queries import Searching
from minirag_retrieval.queries.summary import Summary

STAGED, STAGED_OF_ONE, STAGED_WAITING = 8, 4, 512
"""Batches that one process takes in at a time, of one tenant, and that wait: beside searches, which have the main lane."""


def register(
    runtime: Runtime,
    staging: Staging,
    activations: Activations,
    hidings: Hidings,
    searching: Searching,
    summary: Summary,
) -> None:
    """Answers ``rpc.retrieval.*``."""
    runtime.on(StageChunks, staging.stage, Lane(STAGED, STAGED_WAITING, STAGED_OF_ONE))
    runtime.on(ActivateVersion, activations.activate)
    runtime.on(HideSources, hidings.hide)
    runtime.on(Search, searching.search)
    runtime.on(GetIndexSummary, summary.index)
