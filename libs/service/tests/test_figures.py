"""What ``/metrics`` looks up: backlogs, lags and leadership of a running service, told by its leader alone."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import ClassVar
from uuid import uuid4

from contexts import a_context
from ledger import core_and
from minirag_contracts.ids import new_id
from minirag_eventstore import WorkItem, WorkRunner
from minirag_eventstore.backlog import WorkCount, backlog
from minirag_eventstore.dead_letters import park_work
from minirag_eventstore.work import add_work, claim
from minirag_messaging.testing import NatsServer
from minirag_service import Runtime, ServiceSettings
from minirag_service.telemetry.figures import Figures
from minirag_service.testing import running, settings_for


class Settings(ServiceSettings):
    service: ClassVar[str] = "chat"


def told(figures: Figures) -> dict[str, float]:
    return {
        sample.name.removeprefix("minirag_") + "".join(f" {v}" for v in sample.labels.values()): sample.value
        for family in figures.collect()
        for sample in family.samples
    }


async def test_what_waits_is_told_by_its_state(
    nats: NatsServer, database_urls: Callable[..., Awaitable[tuple[str, str]]]
) -> None:
    async def idle(item: WorkItem) -> None:
        await asyncio.Event().wait()

    async def assemble(runtime: Runtime, settings: Settings) -> None:
        runtime.work(WorkRunner(runtime.store, "mine", idle, poll=timedelta(hours=1)))

    urls = await database_urls("chat", core_and())
    async with running(settings_for(Settings, nats.url, urls), assemble, ()) as runtime:
        async with asyncio.timeout(10):
            while not runtime.leads:
                await asyncio.sleep(0.01)
        scope, now = a_context(new_id()).scope, datetime.now(UTC)
        async with runtime.database.tenant(scope) as connection:
            for number in range(3):
                due = now - timedelta(seconds=100 + number)
                await add_work(connection, scope, "other", f"due-{number}", due=due)
            await add_work(connection, scope, "other", "later", due=now + timedelta(hours=1))
        async with runtime.database.system() as connection:
            [held] = await claim(connection, "other", uuid4(), timedelta(hours=1), 1)
            [lost] = await claim(connection, "other", uuid4(), timedelta(hours=-1), 1)
            await park_work(connection, lost, "gone")
        assert held.work_id != lost.work_id
        waiting = await backlog(runtime.database, 0)
        count = waiting.work["other"]
        assert (count.waiting, count.scheduled, count.running, count.stuck) == (1, 1, 1, 1)
        assert 100 < count.oldest < 160
        assert waiting.letters == {"other": 1}
        figures = Figures(runtime)
        await figures._look(runtime)
        found = told(figures)
        assert found["work_items other stuck"] == found["dead_letters other"] == 1
        assert found["work_items mine waiting"] == found["dead_letters mine"] == 0
        assert found["leads"] == found["ready"] == found["check database"] == 1
        assert found["relay_lag_events"] == 0
        runtime.leads = False
        await figures._look(runtime)
        assert not [
            name for name in told(figures) if name.startswith(("work_items", "dead_letters", "relay_lag"))
        ]
    assert WorkCount() == WorkCount(0, 0, 0, 0, 0.0)


async def test_events_that_the_bus_has_not_got_are_lag(
    make_database: Callable[..., Awaitable[object]],
) -> None:
    database = await make_database("chat", core_and())
    async with database.tenant(scope := a_context(new_id()).scope) as connection:  # type: ignore[attr-defined]
        for version in (1, 2):
            await connection.execute(
                """INSERT INTO events (event_id, tenant_id, stream, version, type, schema_version, data, metadata, recorded_at)
                   VALUES ($1, $2, 'bot-x', $3, 'bot.created', 1, '{}', '{}', now() - interval '50 seconds')""",
                new_id(),
                scope.tenant_id,
                version,
            )
    waiting = await backlog(database, 0)  # type: ignore[arg-type]
    assert waiting.unpublished == 2
    assert 50 <= waiting.unpublished_seconds < 80
    async with database.system() as connection:  # type: ignore[attr-defined]
        await connection.execute("UPDATE events SET position = version")
    assert (await backlog(database, 1)).unpublished == 1  # type: ignore[arg-type]
    assert (await backlog(database, 2)).unpublished == 0  # type: ignore[arg-type]
    assert (await backlog(database, None)).unpublished == 0  # type: ignore[arg-type]
