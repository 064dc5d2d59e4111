"""What the bus counts. Labels come from closed sets: verbs, durables, outcomes; never a tenant, never a text."""

from http import HTTPStatus

from minirag_contracts.errors import Refusal
from prometheus_client import Counter, Histogram

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

RPC_SERVER = Histogram(
    "minirag_rpc_server_seconds", "Requests that this service answered.", ("verb", "outcome"), buckets=SECONDS
)
RPC_CLIENT = Histogram(
    "minirag_rpc_client_seconds",
    "Requests that this process made, repetitions included.",
    ("service", "verb", "outcome"),
    buckets=SECONDS,
)
EVENTS = Histogram(
    "minirag_event_handling_seconds",
    "Events that a consumer handled: done, or to be delivered again.",
    ("durable", "outcome"),
    buckets=SECONDS,
)
PUBLISHED = Counter("minirag_events_published_total", "Events that the bus has acknowledged.", ("stream",))

OK = "ok"


def outcome_of(refusal: Refusal) -> str:
    """``refused`` for what the caller has to do otherwise, ``failed`` for what went wrong here."""
    return "failed" if int(refusal.status) >= HTTPStatus.INTERNAL_SERVER_ERROR else "refused"


def names(subject: str) -> tuple[str, str]:
    """Service and verb of a request's subject."""
    _, service, verb = subject.split(".", 2)
    return service, verb
