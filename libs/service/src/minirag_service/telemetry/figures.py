"""Figures that are looked up and not counted: what waits, how far others are behind, what is used. Told by ``/metrics``.

What is one for all processes of a service (its store's backlog, its consumers' lag) is told by its leader alone, so that
nothing is counted twice: the sum over the processes is the figure.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields

from minirag_eventstore.backlog import Backlog, WorkCount, backlog
from minirag_eventstore.dead_letters import REACTION
from minirag_messaging.lag import Lag, lag_of
from prometheus_client import Histogram
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from minirag_service.runtime import Runtime

logger = logging.getLogger(__name__)

EVERY = 5.0
"""Seconds between two looks."""
TICK = 0.25

LOOP_LAG = Histogram(
    "minirag_loop_lag_seconds",
    "How much later than asked the event loop wakes a task up.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
)

Rows = Iterable[tuple[Sequence[str], float]]


@dataclass(slots=True, eq=False)
class Figures(Collector):
    """The last look at one running service; nothing before the first."""

    runtime: Runtime | None = None
    checks: Mapping[str, str] = field(default_factory=dict)
    backlog: Backlog | None = None
    lags: Mapping[tuple[str, str], Lag] = field(default_factory=dict)

    async def watch(self) -> None:
        """Looks again and again, until cancelled."""
        while True:
            if self.runtime is not None:
                try:
                    await self._look(self.runtime)
                except (
                    Exception
                ) as error:  # figures must not end a service; the next look tells whether it lasts
                    self.backlog, self.lags = None, {}
                    logger.warning(
                        "figures are not known", extra={"error": type(error).__name__}, exc_info=error
                    )
            await asyncio.sleep(EVERY)

    async def _look(self, runtime: Runtime) -> None:
        self.checks = {"bus": "ok" if runtime.bus.connected.is_set() else "not connected"}
        self.checks |= await runtime.checked()
        if not runtime.leads:
            self.backlog, self.lags = None, {}
            return
        specs = [*(part.spec for part in runtime.projectors), *(part.spec for part in runtime.reactors)]
        lags = await asyncio.gather(*(lag_of(runtime.bus, spec) for spec in specs))
        self.lags = {
            (spec.durable, spec.stream): lag for spec, lag in zip(specs, lags, strict=True) if lag is not None
        }
        self.backlog = await backlog(runtime.database, runtime.relay.published if runtime.relay else None)

    def collect(self) -> Iterable[Metric]:
        """Prometheus' families."""
        runtime = self.runtime
        if runtime is None:
            return
        yield _family("service_info", "Which service this is.", ("service",), [((runtime.service,), 1)])
        yield _family("leads", "Whether this process leads its service.", (), [((), runtime.leads)])
        ready = runtime.state == "serving" and all(result == "ok" for result in self.checks.values())
        yield _family("ready", "Whether /ready answers 200.", (), [((), ready)])
        checks = [((name,), result == "ok") for name, result in self.checks.items()]
        yield _family("check", "Whether a check is well.", ("check",), checks)
        yield _family(
            "database_connections",
            "Connections of a pool: in use, and its limit.",
            ("pool", "state"),
            [
                ((pool, state), count)
                for pool, use in runtime.database.use().items()
                for state, count in zip(("used", "limit"), use, strict=True)
            ],
        )
        if runtime.leads:
            yield from self._of_leader(runtime)

    def _of_leader(self, runtime: Runtime) -> Iterable[Metric]:
        stuck = [((part.spec.durable,), part.stuck is not None) for part in runtime.projectors]
        yield _family("projector_stuck", "Whether an event cannot be applied.", ("durable",), stuck)
        lags = self.lags.items()
        yield _family(
            "consumer_lag_events",
            "Events that a durable consumer has not been given yet.",
            ("durable", "stream"),
            [(key, lag.pending) for key, lag in lags],
        )
        yield _family(
            "consumer_unacknowledged_events",
            "Events that it was given and has not acknowledged.",
            ("durable", "stream"),
            [(key, lag.unacknowledged) for key, lag in lags],
        )
        if self.backlog is not None:
            yield from _of_store(runtime, self.backlog)


def _of_store(runtime: Runtime, waiting: Backlog) -> Iterable[Metric]:
    if runtime.relay is not None:
        told = "Events that are committed and not published"
        yield _family("relay_lag_events", f"{told}.", (), [((), waiting.unpublished)])
        yield _family(
            "relay_lag_seconds", f"{told}: the oldest's age.", (), [((), waiting.unpublished_seconds)]
        )
    kinds = {runner.kind for runner in runtime.runners}
    work = {kind: WorkCount() for kind in kinds} | dict(waiting.work)
    states = [name.name for name in fields(WorkCount) if name.name != "oldest"]
    yield _family(
        "work_items",
        "Pieces of work: waiting, scheduled for later, running, and stuck under a lease that ran out.",
        ("kind", "state"),
        [((kind, state), getattr(count, state)) for kind, count in work.items() for state in states],
    )
    yield _family(
        "work_oldest_seconds",
        "For how long the piece that waits longest has been due.",
        ("kind",),
        [((kind,), count.oldest) for kind, count in work.items()],
    )
    reactions = {REACTION + reactor.spec.durable for reactor in runtime.reactors}
    letters = dict.fromkeys(sorted(kinds | reactions), 0) | dict(waiting.letters)
    yield _family(
        "dead_letters",
        "What was given up on and not put back to work.",
        ("kind",),
        [((kind,), count) for kind, count in letters.items()],
    )


def _family(name: str, told: str, labels: Sequence[str], rows: Rows) -> Metric:
    family = GaugeMetricFamily(f"minirag_{name}", told, labels=labels)
    for values, value in rows:
        family.add_metric(values, float(value))
    return family


async def measure_loop() -> None:
    """How late the loop is, until cancelled."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + TICK
        await asyncio.sleep(TICK)
        LOOP_LAG.observe(max(0.0, loop.time() - due))
