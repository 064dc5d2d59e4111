"""Requests about usage."""

from minirag_contracts.requests.analytics import GetOverview
from minirag_service import Runtime

from minirag_analytics.queries import StatisticsQueries


def register(runtime: Runtime, queries: StatisticsQueries) -> None:
    """Answers ``rpc.analytics.*``."""
    runtime.on(GetOverview, queries.overview)
