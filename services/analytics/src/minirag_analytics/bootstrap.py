"""The one place that joins ports and adapters."""

from minirag_service import Runtime

from minirag_analytics.adapters.figures import PostgresFigures
from minirag_analytics.entrypoints import rpc
from minirag_analytics.queries import StatisticsQueries
from minirag_analytics.settings import Settings


async def assemble(runtime: Runtime, _settings: Settings) -> None:
    """Registers what this service answers; its projectors are started from PROJECTIONS."""
    rpc.register(runtime, StatisticsQueries(PostgresFigures(runtime.database)))
