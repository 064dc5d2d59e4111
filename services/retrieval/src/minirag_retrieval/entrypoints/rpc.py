"""Requests about the index."""

from minirag_contracts.requests.retrieval import ActivateVersion, Search, StageChunks
from minirag_service import Runtime

from minirag_retrieval.commands.activation import Activations
from minirag_retrieval.commands.staging import Staging
from minirag_retrieval.queries import Searching


def register(runtime: Runtime, staging: Staging, activations: Activations, searching: Searching) -> None:
    """Answers ``rpc.retrieval.*``."""
    runtime.on(StageChunks, staging.stage)
    runtime.on(ActivateVersion, activations.activate)
    runtime.on(Search, searching.search)
