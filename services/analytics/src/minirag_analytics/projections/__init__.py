"""Events of chat and ingest → figures.

Each aggregate's events come in order, those of different aggregates in any. So every fold here gives the same rows in
whatever order the aggregates come: counters only add, sums are exact, and an answer's judgement is kept beside its day
whichever is known first.
"""

from minirag_eventstore import Projection

from minirag_analytics.projections.feedback import FeedbackProjection
from minirag_analytics.projections.inventory import BotsProjection, ChatsProjection, SourcesProjection
from minirag_analytics.projections.usage import UsageProjection

PROJECTIONS: tuple[Projection, ...] = (
    BotsProjection(),
    ChatsProjection(),
    UsageProjection(),
    FeedbackProjection(),
    SourcesProjection(),
)
"""Everything that this service knows."""

__all__ = ["PROJECTIONS"]
