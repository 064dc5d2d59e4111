"""What the event core counts. Labels come from closed sets: kinds of work, pools, outcomes; never a tenant."""

from prometheus_client import Counter, Histogram

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)

WORK = Histogram(
    "minirag_work_seconds",
    "Attempts at pieces of work, by how they ended.",
    ("kind", "outcome"),
    buckets=SECONDS,
)
PARKED = Counter("minirag_parked_total", "Work and events that were given up on here.", ("kind",))
ACQUIRED = Histogram(
    "minirag_database_acquire_seconds",
    "Waits for a connection of a pool.",
    ("pool",),
    buckets=(0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5),
)
APPENDED = Counter("minirag_events_appended_total", "Events that were recorded.")
