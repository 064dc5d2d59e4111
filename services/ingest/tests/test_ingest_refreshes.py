"""Schedules at work, on a real database: nothing is lost, nothing comes twice, and what fails comes less and less often."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from contexts import a_context
from ingest_builders import BOT, TENANT, Ingest, a_source, stopped
from minirag_contracts.context import Context, TenantScope
from minirag_contracts.errors import Unavailable
from minirag_contracts.events.ingest import IngestRequested
from minirag_contracts.ids import new_id
from minirag_contracts.requests.ingest import CreateSourceBatch, NewChild
from minirag_eventstore import Database, WorkRunner, log
from minirag_ingest.commands import refreshing
from minirag_ingest.domain import source
from minirag_ingest.domain.schedule import parse, plan
from minirag_ingest.errors import InvalidSchedule
from minirag_ingest.ports import LastingFailure, Target

MakeDatabase = Callable[..., Awaitable[Database]]
SECOND, HOUR, DAY, WEEK = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1), timedelta(weeks=1)
SPREAD = timedelta(minutes=10)


async def make_due(ingest: Ingest, *source_ids: UUID) -> None:
    """Their time has come, a while ago."""
    async with ingest.database.tenant(TenantScope(TENANT)) as connection:
        status = await connection.execute(
            "UPDATE work SET due_at = now() - interval '1 minute' WHERE kind = 'refresh' AND key = ANY($1)",
            [str(source_id) for source_id in source_ids],
        )
    assert status == f"UPDATE {len(source_ids)}"


async def triggers(ingest: Ingest, source_id: UUID) -> list[str]:
    """Why each version of a source was asked for."""
    async with ingest.database.tenant(TenantScope(TENANT)) as connection:
        found = await log.load(connection, "ingest", source.stream_of(source_id))
    return [event.payload.trigger for event in found if isinstance(event.payload, IngestRequested)]


async def next_time(ingest: Ingest, source_id: UUID) -> timedelta:
    """How long it is until the next refresh."""
    found = await ingest.read(source_id)
    assert found.next_refresh_at is not None
    return found.next_refresh_at - ingest.schedules.clock()


@asynccontextmanager
async def refreshing_only(ingest: Ingest) -> AsyncIterator[None]:
    """With the scheduler running, and nothing of what it asks for."""
    task = asyncio.create_task(ingest.refresh_runner.run())
    try:
        yield
    finally:
        await ingest.refresh_runner.drain(2)
        await stopped(task)


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = 10) -> None:
    async with asyncio.timeout(seconds):
        while not await condition():
            await asyncio.sleep(0.02)


async def rearranged(ingest: Ingest, *source_ids: UUID) -> None:
    """Waits until their next time, by the clock of the service, and until the scheduler has seen to each of them."""
    moment = max([row["due_at"] for row in await refreshes_of(ingest, *source_ids)]) + SECOND
    ingest.schedules.clock = lambda: moment
    await make_due(ingest, *source_ids)
    await until(lambda: all_later(ingest, *source_ids))


async def refreshes_of(ingest: Ingest, *source_ids: UUID) -> list[dict[str, Any]]:
    return [row for row in await ingest.work("refresh") if UUID(row["key"]) in source_ids]


async def all_later(ingest: Ingest, *source_ids: UUID) -> bool:
    """Whether each is arranged for a time that is still to come."""
    found = await refreshes_of(ingest, *source_ids)
    return len(found) == len(source_ids) and all(row["due_at"] > ingest.schedules.clock() for row in found)


async def test_a_source_with_a_schedule_says_when_it_is_refreshed_next_and_then_is(ingest: Ingest) -> None:
    created = await ingest.create(a_source(refresh_schedule="hourly"))
    assert created.next_refresh_at is not None
    assert (
        timedelta() <= created.next_refresh_at - created.created_at - HOUR <= timedelta(minutes=6, seconds=1)
    )
    await rearranged(ingest, created.id)
    done = await ingest.ended(created.id)
    assert (done.status, await triggers(ingest, created.id)) == ("ready", ["schedule"])
    assert await next_time(ingest, created.id) == HOUR - SECOND
    await rearranged(ingest, created.id)
    await ingest.ended(created.id)
    assert await triggers(ingest, created.id) == ["schedule", "schedule"]
    assert ingest.index.active == {created.id: 2}


async def test_a_cron_expression_is_followed_in_its_zone(idle_ingest: Ingest) -> None:
    text = "30 6 * * 1-5 America/New_York"
    created = await idle_ingest.create(a_source(refresh_schedule=text))
    rhythm = parse(text)
    assert rhythm is not None
    assert created.refresh_schedule == text
    assert created.next_refresh_at == plan(rhythm, created.id, created.created_at).due


@pytest.mark.parametrize("schedule", [None, "none"])
async def test_without_a_schedule_there_is_no_work(idle_ingest: Ingest, schedule: str | None) -> None:
    created = await idle_ingest.create(a_source(refresh_schedule=schedule))
    assert (created.refresh_schedule, created.next_refresh_at) == (schedule, None)
    assert await idle_ingest.work("refresh") == []


async def test_a_version_that_is_being_made_is_not_overtaken(ingest: Ingest) -> None:
    go_on = asyncio.Event()

    async def slow(step: str, target: Target) -> None:
        await go_on.wait()

    ingest.index.before = slow
    created = await ingest.create(a_source(refresh_schedule="hourly"))
    await ingest.ingest(created.id)
    await rearranged(ingest, created.id)
    assert (await ingest.read(created.id)).status == "processing"
    assert await triggers(ingest, created.id) == ["request"]
    assert await next_time(ingest, created.id) == HOUR - SECOND
    go_on.set()
    assert (await ingest.ended(created.id)).status == "ready"
    assert ingest.index.active == {created.id: 1}


async def test_what_was_missed_while_nothing_ran_is_one_refresh(idle_ingest: Ingest) -> None:
    created = await idle_ingest.create(a_source(refresh_schedule="hourly"))
    await make_due(idle_ingest, created.id)
    later = datetime.now(UTC) + 3 * DAY
    idle_ingest.schedules.clock = lambda: later
    async with refreshing_only(idle_ingest):
        await until(lambda: all_later(idle_ingest, created.id))
        await asyncio.sleep(0.1)
    assert await triggers(idle_ingest, created.id) == ["schedule"]
    found = await idle_ingest.read(created.id)
    assert found.next_refresh_at is not None
    assert timedelta() < found.next_refresh_at - later < HOUR + SPREAD


async def test_a_changed_schedule_counts_at_once_and_other_changes_leave_it_alone(
    idle_ingest: Ingest,
) -> None:
    created = await idle_ingest.create(a_source(refresh_schedule="weekly"))
    [row] = await idle_ingest.work("refresh")
    renamed = await idle_ingest.update(created.id, name="Renamed", refresh_schedule="weekly")
    assert renamed.next_refresh_at == created.next_refresh_at
    assert await idle_ingest.work("refresh") == [row]
    changed = await idle_ingest.update(created.id, refresh_schedule="daily")
    assert changed.next_refresh_at is not None
    assert DAY - HOUR < changed.next_refresh_at - datetime.now(UTC) < DAY + SPREAD


@pytest.mark.parametrize("nothing", [None, "none"])
async def test_a_schedule_that_is_ended_leaves_no_work(idle_ingest: Ingest, nothing: str | None) -> None:
    created = await idle_ingest.create(a_source(refresh_schedule="weekly"))
    ended = await idle_ingest.update(created.id, refresh_schedule=nothing)
    assert (ended.refresh_schedule, ended.next_refresh_at) == (nothing, None)
    assert await idle_ingest.work("refresh") == []


async def test_a_deactivated_source_is_not_refreshed_and_one_that_comes_back_is(idle_ingest: Ingest) -> None:
    parent = await idle_ingest.create(a_source(None, source_type="url", refresh_schedule="weekly"))
    child = await idle_ingest.create(a_source(parent_id=parent.id, refresh_schedule="daily"))
    await idle_ingest.delete(parent.id)
    assert await idle_ingest.work("refresh") == []
    assert (await idle_ingest.read(child.id)).next_refresh_at is None
    await idle_ingest.update(parent.id, refresh_schedule="hourly")
    assert await idle_ingest.work("refresh") == []
    back = await idle_ingest.update(parent.id, is_active=True)
    assert back.next_refresh_at is not None
    assert HOUR - SPREAD < await next_time(idle_ingest, parent.id) < HOUR + SPREAD
    assert DAY - SPREAD < await next_time(idle_ingest, child.id) < DAY + SPREAD


@pytest.mark.parametrize("schedule", ["* * * * *", "0 6 * * * Mars/Base", "61 * * * *"])
async def test_a_schedule_that_means_nothing_is_refused_everywhere(
    idle_ingest: Ingest, schedule: str
) -> None:
    created = await idle_ingest.create(a_source(refresh_schedule="daily"))
    child = NewChild(name="c", source_type="text", content="x", refresh_schedule=schedule)
    batch = CreateSourceBatch(bot_id=BOT, name="p", children=[child])
    for attempt in (
        idle_ingest.create(a_source(refresh_schedule=schedule)),
        idle_ingest.update(created.id, refresh_schedule=schedule),
        idle_ingest.families.create_batch(batch, a_context()),
    ):
        with pytest.raises(InvalidSchedule):
            await attempt
    assert await idle_ingest.read(created.id) == created
    assert await idle_ingest.count("sources") == 1


async def test_children_of_a_batch_have_schedules_of_their_own(idle_ingest: Ingest) -> None:
    children = [
        NewChild(name=f"c{n}", source_type="text", content="x", refresh_schedule=text)
        for n, text in enumerate(("daily", None, "0 6 * * *"))
    ]
    made = await idle_ingest.families.create_batch(
        CreateSourceBatch(bot_id=BOT, name="p", children=children), a_context()
    )
    assert [child.next_refresh_at is not None for child in made.children] == [True, False, True]


async def test_a_source_that_keeps_failing_is_refreshed_less_and_less_often_until_it_recovers(
    ingest: Ingest,
) -> None:
    """Its first ingestion fails as well, and is tried again by the schedule."""
    broken = True

    async def refuse(step: str, target: Target) -> None:
        if broken:
            raise LastingFailure("index_refused", "The index refused this.")

    ingest.index.before = refuse
    created = await ingest.create(a_source(refresh_schedule="daily"))
    await ingest.ingest(created.id)
    failed = await ingest.ended(created.id)
    assert (failed.status, failed.error_message) == ("error", "The index refused this.")
    assert failed.next_refresh_at == created.next_refresh_at
    for days in (2, 4, 7, 7):
        await rearranged(ingest, created.id)
        failed = await ingest.ended(created.id)
        assert (failed.status, failed.error_message) == ("error", "The index refused this.")
        assert await next_time(ingest, created.id) == days * DAY - SECOND
    broken = False
    await ingest.ingest(created.id)
    recovered = await ingest.ended(created.id)
    assert (recovered.status, recovered.error_message) == ("ready", None)
    assert (await triggers(ingest, created.id)) == ["request", *["schedule"] * 4, "request"]
    late = failed.next_refresh_at
    assert late is not None and recovered.next_refresh_at is not None
    assert late - recovered.next_refresh_at == 6 * DAY


async def test_a_parent_refreshes_its_children_and_is_never_an_error(ingest: Ingest) -> None:
    """Lessons R5: a parent has nothing of its own to read."""
    parent = await ingest.create(a_source(None, source_type="url", refresh_schedule="daily"))
    children = [await ingest.create(a_source(f"Child {n}.", parent_id=parent.id)) for n in range(3)]
    await ingest.delete(children[2].id)
    await rearranged(ingest, parent.id)
    for child in children[:2]:
        assert (await ingest.ended(child.id)).status == "ready"
    assert [await triggers(ingest, child.id) for child in children] == [["schedule"], ["schedule"], []]
    assert await triggers(ingest, parent.id) == []
    found = await ingest.read(parent.id)
    assert (found.status, found.error_message) == ("ready", None)
    assert await next_time(ingest, parent.id) == DAY - SECOND


async def test_a_parent_without_children_waits_for_some(ingest: Ingest) -> None:
    parent = await ingest.create(a_source(None, source_type="url", refresh_schedule="daily"))
    await rearranged(ingest, parent.id)
    found = await ingest.read(parent.id)
    assert (found.status, await triggers(ingest, parent.id)) == ("pending", [])


async def test_a_parent_with_an_address_refreshes_itself_and_not_its_children(idle_ingest: Ingest) -> None:
    parent = await idle_ingest.create(
        a_source(
            None,
            source_type="url",
            config={"url": "https://x.example/", "crawl": {"depth": 1}},
            refresh_schedule="daily",
        )
    )
    child = await idle_ingest.create(a_source(parent_id=parent.id))
    async with refreshing_only(idle_ingest):
        await rearranged(idle_ingest, parent.id)
    assert (await triggers(idle_ingest, parent.id), await triggers(idle_ingest, child.id)) == (
        ["schedule"],
        [],
    )


async def test_children_that_are_busy_or_keep_failing_are_left_out_of_a_round(ingest: Ingest) -> None:
    sick: set[UUID] = set()

    async def refuse(step: str, target: Target) -> None:
        if target.source_id in sick:
            raise LastingFailure("index_refused", "The index refused this.")

    ingest.index.before = refuse
    parent = await ingest.create(a_source(None, source_type="url", refresh_schedule="daily"))
    well, ill = [await ingest.create(a_source(f"Child {n}.", parent_id=parent.id)) for n in range(2)]
    sick.add(ill.id)
    for _ in range(5):
        await rearranged(ingest, parent.id)
        for child in (well, ill):
            await ingest.ended(child.id)
    # Rounds 0 and 1 fail; two failures: every 2nd, so round 2 fails too; three: every 4th, so not round 3, but 4.
    assert [len(await triggers(ingest, child.id)) for child in (well, ill)] == [5, 4]


async def test_a_killed_process_costs_a_lease_and_no_refresh(make_database: MakeDatabase) -> None:
    """Killed right after the commit: neither the version nor the next time is lost, and neither comes twice."""
    first = Ingest(await make_database("ingest"), lease=0.3)
    second = Ingest(first.database, lease=0.3)
    second.index = first.index
    second.ingestion._index = first.index
    created = await first.create(a_source(refresh_schedule="daily"))
    first.runner._start = lambda item: None  # type: ignore[method-assign]  # what a killed process does after its commit
    async with refreshing_only(first):
        await rearranged(first, created.id)
    [version] = await first.work("ingestion")
    assert version["lease_owner"] == first.runner._owner
    async with second.working():
        done = await second.ended(created.id)
    assert (done.status, await triggers(second, created.id)) == ("ready", ["schedule"])
    assert len(await second.work("refresh")) == 1
    for one in (first, second):
        await one.close()


async def test_a_process_that_is_killed_with_the_lease_is_followed(make_database: MakeDatabase) -> None:
    ingest = Ingest(await make_database("ingest"), lease=0.3)
    created = await ingest.create(a_source(refresh_schedule="daily"))
    await make_due(ingest, created.id)
    async with ingest.database.tenant(TenantScope(TENANT)) as connection:
        await connection.execute(
            "UPDATE work SET lease_owner = $1, lease_until = now() + interval '0.3 s', attempts = 1", new_id()
        )
    async with refreshing_only(ingest):
        await until(lambda: all_later(ingest, created.id))
    assert await triggers(ingest, created.id) == ["schedule"]
    await ingest.close()


async def test_a_refresh_that_breaks_before_its_commit_leaves_nothing_and_is_repeated(
    idle_ingest: Ingest, monkeypatch: pytest.MonkeyPatch
) -> None:
    created = await idle_ingest.create(a_source(refresh_schedule="daily"))
    original, failures = idle_ingest.schedules.next_round, iter(range(1))

    async def breaks(*args: Any, **options: Any) -> None:
        assert await idle_ingest.events(created.id) == ["source.created"]  # seen from another connection
        if next(failures, None) is not None:
            raise RuntimeError("broken")
        await original(*args, **options)

    monkeypatch.setattr(idle_ingest.schedules, "next_round", breaks)
    async with refreshing_only(idle_ingest):
        await rearranged(idle_ingest, created.id)
        await until(lambda: _requested(idle_ingest, created.id, 1))
    assert await triggers(idle_ingest, created.id) == ["schedule"]


async def _requested(ingest: Ingest, source_id: UUID, count: int) -> bool:
    return len(await triggers(ingest, source_id)) == count


async def test_a_refresh_that_keeps_breaking_is_told_and_has_its_next_time(
    idle_ingest: Ingest, monkeypatch: pytest.MonkeyPatch
) -> None:
    created = await idle_ingest.create(a_source(refresh_schedule="daily"))

    async def breaks(*args: Any) -> bool:
        raise RuntimeError("broken")

    monkeypatch.setattr(idle_ingest.refreshes, "_has_something", breaks)
    await make_due(idle_ingest, created.id)
    async with refreshing_only(idle_ingest):
        await until(lambda: _parked(idle_ingest))
    assert await triggers(idle_ingest, created.id) == []
    assert await next_time(idle_ingest, created.id) > DAY - HOUR


async def _parked(ingest: Ingest) -> bool:
    return await ingest.count("dead_letters") == 1


async def test_two_processes_refresh_each_source_once(make_database: MakeDatabase) -> None:
    first = Ingest(await make_database("ingest"))
    second = Ingest(first.database)
    ids = [(await first.create(a_source(f"Text {n}.", refresh_schedule="hourly"))).id for n in range(20)]
    await make_due(first, *ids)
    async with refreshing_only(first), refreshing_only(second):
        await until(lambda: all_later(first, *ids))
        await asyncio.sleep(0.1)
    assert [await triggers(first, source_id) for source_id in ids] == [["schedule"]] * 20
    assert len(await first.work("refresh")) == 20
    for one in (first, second):
        await one.close()


@pytest.mark.parametrize(
    "change", [{"refresh_schedule": None}, {"refresh_schedule": "weekly"}, {"is_active": False}]
)
async def test_what_changes_while_a_refresh_runs_is_what_counts(
    idle_ingest: Ingest, change: dict[str, Any]
) -> None:
    reached, go_on = asyncio.Event(), asyncio.Event()
    is_active = idle_ingest.bots.is_active

    async def slow(context: Context, bot_id: UUID) -> bool:
        reached.set()
        await go_on.wait()
        return await is_active(context, bot_id)

    created = await idle_ingest.create(a_source(refresh_schedule="hourly"))
    idle_ingest.bots.is_active = slow  # type: ignore[method-assign]
    await make_due(idle_ingest, created.id)
    async with refreshing_only(idle_ingest):
        await asyncio.wait_for(reached.wait(), 5)
        changed = await idle_ingest.update(created.id, **change)
        go_on.set()
        await until(lambda: _nothing_runs(idle_ingest.refresh_runner))
    assert await triggers(idle_ingest, created.id) == []
    assert (await idle_ingest.read(created.id)).next_refresh_at == changed.next_refresh_at
    weekly = change.get("refresh_schedule") == "weekly"
    assert (changed.next_refresh_at is not None) == weekly
    assert [row["payload"]["schedule"] for row in await idle_ingest.work("refresh")] == ["weekly"] * weekly
    assert await idle_ingest.count("dead_letters") == 0


async def _nothing_runs(runner: WorkRunner) -> bool:
    return runner.running == 0


async def test_a_deactivated_bot_is_given_nothing_new(idle_ingest: Ingest) -> None:
    created = await idle_ingest.create(a_source(refresh_schedule="hourly"))
    idle_ingest.bots.known.clear()
    async with refreshing_only(idle_ingest):
        await rearranged(idle_ingest, created.id)
        assert await triggers(idle_ingest, created.id) == []
        idle_ingest.bots.known.add((TENANT, BOT))
        await rearranged(idle_ingest, created.id)
    assert await triggers(idle_ingest, created.id) == ["schedule"]


@pytest.mark.parametrize("trouble", ["bots", "disk"])
async def test_a_trouble_that_passes_is_waited_for_and_is_no_attempt(
    idle_ingest: Ingest, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    for name in ("NO_ROOM", "OWNER_AWAY"):
        monkeypatch.setattr(refreshing, name, timedelta(milliseconds=30))
    asked, over = 0, False
    is_active, room = idle_ingest.bots.is_active, idle_ingest.disk.free()

    async def away(context: Context, bot_id: UUID) -> bool:
        nonlocal asked
        asked += 1
        if trouble == "bots" and not over:
            raise Unavailable
        return await is_active(context, bot_id)

    def free() -> int:
        nonlocal asked
        asked += 1
        return 0 if trouble == "disk" and not over else room

    created = await idle_ingest.create(a_source(refresh_schedule="hourly"))
    monkeypatch.setattr(idle_ingest.bots, "is_active", away)
    monkeypatch.setattr(idle_ingest.disk, "free", free)
    await make_due(idle_ingest, created.id)
    async with refreshing_only(idle_ingest):
        async with asyncio.timeout(5):
            while asked < 8:  # more than the attempts that a piece of work has
                await asyncio.sleep(0.02)
        assert await triggers(idle_ingest, created.id) == []
        over = True
        await until(lambda: all_later(idle_ingest, created.id))
        await until(lambda: _requested(idle_ingest, created.id, 1))
    assert await idle_ingest.count("dead_letters") == 0


async def test_sources_from_before_there_was_a_scheduler_are_arranged_at_the_start(
    idle_ingest: Ingest,
) -> None:
    """Of every tenant, and none that has no schedule or is arranged already."""
    stranger = new_id()
    idle_ingest.bots.known.add((stranger, BOT))
    kept = await idle_ingest.create(a_source(refresh_schedule="daily"))
    lost = await idle_ingest.create(a_source(refresh_schedule="weekly"))
    theirs = await idle_ingest.create(a_source(refresh_schedule="0 6 * * *"), tenant_id=stranger)
    gone = await idle_ingest.create(a_source(refresh_schedule="daily"))
    await idle_ingest.delete(gone.id)
    for schedule in (None, "none"):
        await idle_ingest.create(a_source(refresh_schedule=schedule))
    async with idle_ingest.database.system() as connection:
        status = await connection.execute(
            "DELETE FROM work WHERE key = ANY($1)", [str(one.id) for one in (lost, theirs)]
        )
    assert status == "DELETE 2"
    assert (await idle_ingest.read(lost.id)).next_refresh_at is None
    task = asyncio.create_task(idle_ingest.schedules.keep_complete())
    async with asyncio.timeout(5):
        while (await idle_ingest.read(lost.id)).next_refresh_at is None:
            await asyncio.sleep(0.02)
    await stopped(task)
    assert await idle_ingest.schedules.audit() == 0
    assert WEEK - HOUR < await next_time(idle_ingest, lost.id) < WEEK + SPREAD
    assert await idle_ingest.read(kept.id) == kept
    async with idle_ingest.database.system() as connection:
        rows = await connection.fetch("SELECT key, tenant_id FROM work WHERE kind = 'refresh'")
    assert {row["key"]: row["tenant_id"] for row in rows} == {
        str(kept.id): TENANT, str(lost.id): TENANT, str(theirs.id): stranger,
    }  # fmt: skip
