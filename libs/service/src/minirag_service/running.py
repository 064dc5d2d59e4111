"""Starts a service, leads where it leads, and drains it in the right order."""

import asyncio
import logging
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, TypeVar

import asyncpg
import uvloop
from minirag_contracts.errors import Refusal
from minirag_contracts.grants import inbox_prefix
from minirag_eventstore import DATABASE_FAILED, Database, Projection
from minirag_eventstore.leader import leadership
from minirag_eventstore.projector import Projector
from minirag_eventstore.reactor import ReactionFailed, Reactor
from minirag_messaging import Bus, ConsumerRunner, NotYet
from pydantic import ValidationError

from minirag_service import logging as service_logging
from minirag_service.common import Common, sweep
from minirag_service.runtime import Runtime
from minirag_service.sealing import Sealer
from minirag_service.secret_files import fill_environment, in_words
from minirag_service.settings import ServiceSettings
from minirag_service.telemetry.operations import operations_port
from minirag_service.telemetry.traces import traced

logger = logging.getLogger(__name__)

T = TypeVar("T", bound=ServiceSettings)

AUDIT_EVERY = 15.0
SWEEP_EVERY = 600.0
LEISURE = 3600.0
"""Seconds that what runs gets to finish in a process that shall stop, where nobody is in a hurry. Longer than any work; who waits
for the process has a patience of his own.
"""


def run(
    settings_type: type[T],
    assemble: Callable[[Runtime, T], Awaitable[None]],
    projections: Sequence[Projection] = (),
) -> None:
    """The whole life of a service's process; returns when it was asked to stop and has drained."""
    fill_environment()
    try:
        settings = settings_type()
    except ValidationError as error:
        sys.exit(in_words(error))
    service_logging.configure(settings.service, settings.log_level)
    uvloop.run(_main(settings, assemble, projections))


async def _main(
    settings: T, assemble: Callable[[Runtime, T], Awaitable[None]], projections: Sequence[Projection]
) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().set_exception_handler(service_logging.report)
    async with (
        operations_port(settings) as operations,
        traced(settings.service),
        connected(settings, projections) as runtime,
    ):
        _hear_signals(stop, runtime.hurry)
        await assemble(runtime, settings)
        operations.runtime = runtime
        await serve(runtime, stop)


def _hear_signals(stop: asyncio.Event, hurry: asyncio.Event) -> None:
    """SIGTERM and SIGINT ask the process to stop within ``MINIRAG_DRAIN``; SIGUSR1 asks it to stop when it has finished what it
    runs, which whoever sends it bounds by a SIGTERM later.
    """
    loop = asyncio.get_running_loop()

    def at_once() -> None:
        stop.set()
        hurry.set()

    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, at_once)
    loop.add_signal_handler(signal.SIGUSR1, stop.set)


class connected:  # noqa: N801  # reads as a function at its one place of use
    """The store and the bus of one service, closed in the right order."""

    def __init__(self, settings: ServiceSettings, projections: Sequence[Projection]) -> None:
        self._settings = settings
        self._projections = projections

    async def __aenter__(self) -> Runtime:
        settings = self._settings
        self._database = await Database.connect(
            settings.service,
            settings.database_url.get_secret_value(),
            settings.database_system_url.get_secret_value(),
            pool_size=settings.database_pool,
        )
        self._bus = await Bus.connect(
            settings.nats_url,
            settings.nats_user,
            settings.nats_password.get_secret_value(),
            settings.service,
            inbox_prefix=inbox_prefix(settings.service),
        )
        runtime = Runtime(
            settings.service, self._database, self._bus, Sealer(settings.secret_keys), self._projections
        )
        runtime.patience = settings.drain.total_seconds()
        return runtime

    async def __aexit__(self, *_: object) -> None:
        await self._bus.close()
        await self._database.close()


async def serve(runtime: Runtime, stop: asyncio.Event) -> None:
    """Runs what was registered until ``stop`` is set; raises when a part of it ends that should not."""
    Common(runtime).register()
    runners = [_reactor_runner(runtime, reactor) for reactor in runtime.reactors]
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(_lead(runtime), name="leader"),
            group.create_task(_closed(runtime.bus), name="bus"),
            group.create_task(_every(SWEEP_EVERY, lambda: sweep(runtime)), name="janitor"),
            *(
                group.create_task(_until_stopped(name, run), name=name)
                for name, run in runtime.backgrounds.items()
            ),
            *(group.create_task(runner.run(), name=f"work-{runner.kind}") for runner in runtime.runners),
        ]
        consumers = [
            group.create_task(_begin(reactor, runner))
            for reactor, runner in zip(runtime.reactors, runners, strict=True)
        ]
        await runtime.rpc.start()
        runtime.state = "serving"
        logger.info("ready")
        await stop.wait()
        runtime.state = "draining"
        logger.info("draining")
        await _drain(runtime, runners)
        for callback in reversed(runtime.stops):
            await callback()
        for task in (*tasks, *consumers):
            task.cancel()
    logger.info("stopped")


async def _drain(runtime: Runtime, consumers: Sequence[ConsumerRunner]) -> None:
    """Takes nothing more; what runs is finished, and given back ``patience`` seconds after there is a hurry.

    Requests, events, work and whatever else leaves (a gateway's connections) do so at once: one after the other they could take
    several times as long. Work that a request or an event still adds meanwhile is left to another process.
    """
    parts: list[Callable[[float], Awaitable[None]]] = [
        runtime.rpc.drain,
        *(consumer.drain for consumer in consumers),
        *(runner.drain for runner in runtime.runners),
    ]
    leaving = asyncio.gather(*(leave() for leave in runtime.leaving))
    leisurely = asyncio.gather(leaving, *(part(LEISURE) for part in parts))
    hurrying = asyncio.create_task(runtime.hurry.wait())
    both: set[asyncio.Future[Any]] = {leisurely, hurrying}
    try:
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        if leisurely.done():
            await leisurely
        else:  # asked again, each part gives back what has not ended by then
            await asyncio.gather(leaving, *(part(runtime.patience) for part in parts))
    finally:
        for waiting in both:
            waiting.cancel()


def _reactor_runner(runtime: Runtime, reactor: Reactor) -> ConsumerRunner:
    async def handle(event: object, deliveries: int) -> None:
        try:
            await reactor.handle(event, deliveries)  # type: ignore[arg-type]
        except ReactionFailed as failed:
            raise NotYet(failed.after) from failed

    return ConsumerRunner(runtime.bus, reactor.spec, handle)


async def _begin(reactor: Reactor, runner: ConsumerRunner) -> None:
    await _patiently(reactor.begin, f"begin {reactor.spec.durable}")
    await runner.run()


async def _closed(bus: Bus) -> None:
    await bus.closed
    raise ConnectionError("the connection to the bus is closed for good")


async def _until_stopped(name: str, run: Callable[[], Awaitable[None]]) -> None:
    await run()
    raise RuntimeError(f"{name} ended, which it should not")


async def _every(seconds: float, action: Callable[[], Awaitable[object]]) -> None:
    while True:
        await asyncio.sleep(seconds)
        try:
            await action()
        except Exception as error:  # it is due again by itself; what keeps failing is seen here and in health
            logger.warning("tried again later", extra={"error": type(error).__name__}, exc_info=error)


async def _patiently(action: Callable[[], Awaitable[object]], what: str) -> None:
    """Until it succeeds: another service may not have started yet."""
    while True:
        try:
            await action()
        except Refusal as error:
            logger.info("waits", extra={"for": what, "error": str(error)})
            await asyncio.sleep(0.2)
        except Exception as error:  # without it the consumer cannot run, so it is tried until it succeeds
            logger.warning("waits", extra={"for": what, "error": type(error).__name__}, exc_info=error)
            await asyncio.sleep(1)
        else:
            return


async def _lead(runtime: Runtime) -> None:
    """Leads whenever nobody else does: relay, projectors, audits. A lost connection ends the leadership, not the service."""
    runtime.bus.on_reconnect(partial(_compare, runtime))
    while True:
        try:
            async with leadership(runtime.database, "leader") as connection, asyncio.TaskGroup() as group:
                logger.info("leads")
                runtime.leads = True
                if runtime.relay is not None:
                    group.create_task(runtime.relay.lead(connection))
                else:
                    group.create_task(_keep(connection))
                for projector in runtime.projectors:
                    group.create_task(_project(runtime, projector))
                for reactor in runtime.reactors:
                    group.create_task(_every(AUDIT_EVERY, reactor.audit))
        except* DATABASE_FAILED as errors:
            logger.warning("leadership lost", extra={"errors": [type(e).__name__ for e in errors.exceptions]})
        finally:
            runtime.leads = False
        await asyncio.sleep(0.5)


async def _compare(runtime: Runtime) -> None:
    """The bus may have come back without its last events, or without any."""
    if runtime.relay is not None:
        runtime.relay.resync()


async def _keep(connection: asyncpg.Connection) -> None:
    """Raises as soon as the leader's connection is gone."""
    while True:
        await asyncio.sleep(2)
        await connection.execute("SELECT 1")


async def _project(runtime: Runtime, projector: Projector) -> None:
    spec = projector.spec
    await _patiently(projector.catch_up, f"catch up {spec.durable}")
    runner = ConsumerRunner(runtime.bus, spec, projector.handle)
    async with asyncio.TaskGroup() as group:
        group.create_task(runner.run())
        group.create_task(_every(AUDIT_EVERY, projector.catch_up))
