"""Append, load, relay, inbox, projections, leased work: the event core, on Postgres."""

from minirag_eventstore.database import Connection, Database
from minirag_eventstore.errors import (
    DATABASE_AWAY,
    DATABASE_FAILED,
    Explained,
    LeaseLost,
    VersionConflict,
    reachable,
)
from minirag_eventstore.projection import Projection, on
from minirag_eventstore.store import EventStore, Transaction
from minirag_eventstore.work import Postpone, RetryPolicy, WorkItem
from minirag_eventstore.worker import WorkRunner

__all__ = [
    "DATABASE_AWAY",
    "DATABASE_FAILED",
    "Connection",
    "Database",
    "EventStore",
    "Explained",
    "LeaseLost",
    "Postpone",
    "Projection",
    "RetryPolicy",
    "Transaction",
    "VersionConflict",
    "WorkItem",
    "WorkRunner",
    "on",
    "reachable",
]
