"""One running service: what its bootstrap registers, started in order, watched, and drained."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from typing import Literal, TypeVar

from minirag_contracts.context import Context
from minirag_contracts.errors import Unavailable
from minirag_contracts.requests import Reply, Request
from minirag_contracts.requests.common import HealthReply
from minirag_contracts.topology import STREAM_OF, ConsumerSpec, consumers_of, dead_letter_subject
from minirag_eventstore import DATABASE_AWAY, Database, EventStore, Projection, RetryPolicy, WorkRunner
from minirag_eventstore.dead_letters import Letter
from minirag_eventstore.projector import Projector
from minirag_eventstore.reactor import Reaction, Reactor
from minirag_eventstore.relay import Relay
from minirag_messaging import Bus, EventPublisher, RpcServer
from minirag_messaging.rpc_lane import Lane

from minirag_service.erasure import Hook, PersonHook
from minirag_service.events import BusEventReader
from minirag_service.rotation import REPLIES, SealedColumn
from minirag_service.sealing import Sealer

logger = logging.getLogger(__name__)

Q = TypeVar("Q", bound=Request)
Check = Callable[[], Awaitable[None]]
State = Literal["starting", "serving", "draining"]
Background = Callable[[], Awaitable[None]]


class Runtime:
    """Everything that a service's bootstrap joins: its store, the bus, and what shall run.

    ``store`` is the event store, ``bus`` the connection to NATS, ``sealer`` the encryption of secrets. The register methods
    (``on``, ``react``, ``work``, ``background``, ``sweep``, ``check``, ``sealed``, ``erases``, ``on_stop``) only
    note; ``minirag_service.run`` starts and stops.
    """

    def __init__(
        self, service: str, database: Database, bus: Bus, sealer: Sealer, projections: Sequence[Projection]
    ) -> None:
        self.service = service
        self.database = database
        self.bus = bus
        self.sealer = sealer
        self.store = EventStore(service, database, projections, sealer)
        self.reader = BusEventReader(bus, service)
        self.rpc = RpcServer(bus, service)
        self.relay = (
            Relay(database, service, EventPublisher(bus, STREAM_OF[service].name))
            if service in STREAM_OF
            else None
        )
        self.projectors = tuple(
            self._projector(spec) for spec in consumers_of(service) if spec.kind == "projector"
        )
        self.reactors: list[Reactor] = []
        self.runners: list[WorkRunner] = []
        self.backgrounds: dict[str, Background] = {}
        self.checks: dict[str, Check] = {"database": database.ping}
        self.sealed_columns: list[SealedColumn] = [REPLIES]
        self.state: State = "starting"
        """Whether it takes requests: not yet, now, or not any more."""
        self.leads = False
        """Whether this process leads its service."""
        self._last_health: dict[str, str] = {}
        self.sweeps: list[Callable[[], Awaitable[object]]] = []
        self.kept_tables: list[str] = []
        self.erasers: list[Hook] = []
        self.person_erasers: list[PersonHook] = []
        self.stops: list[Callable[[], Awaitable[None]]] = []
        self.hurry = asyncio.Event()
        """Set when what still runs in a process that stops shall not be waited for much longer."""

    def on(
        self,
        model: type[Q],
        handler: Callable[[Q, Context], Awaitable[Reply]],
        lane: Lane | None = None,
    ) -> None:
        """Answers a request; a database that is away is told as such, so that the client tries again."""
        self.rpc.on(model, guarded(model.verb, handler), lane)

    def on_common(self, verb: str, handler: Callable[[Q, Context], Awaitable[Reply]]) -> None:
        """The same for one of the requests that every service answers."""
        self.rpc.on_common(verb, guarded(verb, handler))

    def react(
        self, consumer: str, reaction: Reaction, retry: RetryPolicy | None = None, *, from_start: bool = False
    ) -> None:
        """Runs a reaction for the events of one of this service's reactors in the topology; ``from_start``: also for those from
        before it ran for the first time.
        """
        spec = next(
            spec for spec in consumers_of(self.service) if spec.name == consumer and spec.kind == "reactor"
        )
        self.reactors.append(
            Reactor(self.store, spec, reaction, self.reader, retry, self._announce, from_start=from_start)
        )

    def work(self, runner: WorkRunner) -> WorkRunner:
        """Runs leased work."""
        runner.announce = self._announce
        self.runners.append(runner)
        return runner

    async def _announce(self, letter: Letter) -> None:
        """On ``dlq.<service>.<kind>``, where the kind of every reaction is ``reaction``."""
        kind, _, _ = letter.kind.partition(":")
        await self.bus.announce(dead_letter_subject(self.service, kind), asdict(letter))

    def background(self, name: str, run: Background) -> None:
        """Runs for as long as the service; when it raises or returns, the service ends loudly."""
        self.backgrounds[name] = run

    def sweep(self, forget: Callable[[], Awaitable[object]]) -> None:
        """Called every ten minutes, in every process: deletes what is no longer to be kept."""
        self.sweeps.append(forget)

    def check(self, name: str, check: Check) -> None:
        """A part of health: raises, with a sentence for people, when something is not well."""
        self.checks[name] = check

    def sealed(self, table: str, *, key: Sequence[str], column: str = "sealed") -> None:
        """Declares a column that ``sealer`` has sealed, so that key rotation finds it; ``key`` is the primary key."""
        self.sealed_columns.append(SealedColumn(table, tuple(key), column))

    def erases(self, hook: Hook) -> None:
        """Called in the transaction that erases a tenant, before its rows are gone: for what lies outside of the schema."""
        self.erasers.append(hook)

    def erases_person(self, hook: PersonHook) -> None:
        """Called in the transaction that erases a person's content: given the actor, answers how many rows it erased."""
        self.person_erasers.append(hook)

    def outlives_erasure(self, table: str) -> None:
        """Declares a table whose rows stay when their tenant is erased, although nothing folds them."""
        self.kept_tables.append(table)

    def on_stop(self, stop: Callable[[], Awaitable[None]]) -> None:
        """Called while draining, last registered first, before bus and database close."""
        self.stops.append(stop)

    async def checked(self) -> dict[str, str]:
        """The outcome of every registered check by its name, all asked at once."""
        outcomes = await asyncio.gather(*map(_outcome, self.checks.values()))
        results = dict(zip(self.checks, outcomes, strict=True))
        self._tell_changes(results)
        return results

    async def health(self) -> HealthReply:
        """Every check by name: ``ok`` or a sentence."""
        results = await self.checked()
        for projector in self.projectors:
            results[f"projector {projector.spec.name}"] = projector.stuck or "ok"
        for reactor in self.reactors:
            results[f"reactor {reactor.spec.name}"] = (
                "ok" if reactor.begun else "waits for the owner of its events"
            )
        status = "ok" if all(result == "ok" for result in results.values()) else "degraded"
        details = {
            "relay_lag": self.relay.lag if self.relay else 0,
            "running": {r.kind: r.running for r in self.runners},
            "sealing_key": self.sealer.newest_id,
        }
        return HealthReply(status=status, checks=results, details=details)

    def _tell_changes(self, results: dict[str, str]) -> None:
        """Logs what has become ill or well since it was asked last."""
        for name, result in results.items():
            if self._last_health.get(name, "ok") != result:
                logger.log(
                    logging.INFO if result == "ok" else logging.WARNING,
                    "health",
                    extra={"check": name, "is": result},
                )
        self._last_health = results

    def _projector(self, spec: ConsumerSpec) -> Projector:
        fed = [projection for projection in self.store.projections if projection.owner == spec.owner]
        if not fed:
            raise LookupError(f"no projection of {self.service} takes the events of {spec.owner}")
        return Projector(self.database, spec, fed, self.reader)


def guarded(
    verb: str, handler: Callable[[Q, Context], Awaitable[Reply]]
) -> Callable[[Q, Context], Awaitable[Reply]]:
    """The handler, refusing with Unavailable while the database is away."""

    async def guard(request: Q, context: Context) -> Reply:
        try:
            return await handler(request, context)
        except DATABASE_AWAY as error:
            logger.warning("the database is away", extra={"verb": verb, "error": type(error).__name__})
            raise Unavailable from error

    return guard


async def _outcome(check: Check) -> str:
    try:
        await asyncio.wait_for(check(), 2.0)
    except TimeoutError:
        return "does not answer"
    except Exception as error:  # noqa: BLE001  # a failed check is what health is there to tell
        return str(error) or type(error).__name__
    return "ok"
