"""What looking costs: a span and a counted observation, with and without a tracer, beside an empty context manager.

``python -m bench.spans``; a few seconds, no servers.
"""

import sys
import time
from collections.abc import Callable
from contextlib import nullcontext

from minirag_contracts import tracing
from minirag_service.telemetry.traces import OpenTelemetryTracer
from prometheus_client import CollectorRegistry, Histogram

ROUNDS = 100_000
CALLER = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def microseconds(action: Callable[[], None], rounds: int = ROUNDS) -> float:
    """The best of five, for one call."""

    def once() -> float:
        began = time.perf_counter()
        for _ in range(rounds):
            action()
        return (time.perf_counter() - began) / rounds * 1e6

    return min(once() for _ in range(5))


def empty() -> None:
    """What a ``with`` costs anyway."""
    with nullcontext():
        pass


def span() -> None:
    """As the services make them, with an attribute."""
    with tracing.span("chat.turns.start", {"rpc.system": "nats"}, parent=CALLER, kind="client"):
        pass


def main() -> None:
    """Print the figures."""
    histogram = Histogram("bench_seconds", "", ("verb", "outcome"), registry=CollectorRegistry())
    say = sys.stdout.write
    say(f"an empty context manager      {microseconds(empty):7.2f} µs\n")
    say(f"a span, nobody traces         {microseconds(span):7.2f} µs\n")
    say(
        f"a counted observation         {microseconds(lambda: histogram.labels('a', 'ok').observe(0.1)):7.2f} µs\n"
    )
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

    tracing.use(OpenTelemetryTracer(TracerProvider(sampler=ALWAYS_OFF)))
    say(f"a span that is not sampled    {microseconds(span, ROUNDS // 10):7.2f} µs\n")
    tracing.use(OpenTelemetryTracer(TracerProvider()))
    say(f"a span that is recorded       {microseconds(span, ROUNDS // 10):7.2f} µs\n")
    tracing.use(None)


if __name__ == "__main__":
    main()
