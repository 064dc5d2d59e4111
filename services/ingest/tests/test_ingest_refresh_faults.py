"""Refreshes that are interrupted, broken, overtaken or held up: none is lost, and none comes twice."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from ingest_builders import BOT, TENANT, Ingest, a_source, stopped
from ingest_refreshes import (
    DAY,
    HOUR,
    SPREAD,
    WEEK,
    MakeDatabase,
    all_later,
    make_due,
    next_time,
    nothing_runs,
    parked,
    rearranged,
    refreshing_only,
    requested,
    triggers,
    until,
)
from minirag_contracts.context import Context, TenantScope
from minirag_contracts.errors import Unavailable
from minirag_contracts.ids import new_id
from minirag_eventstore import WorkItem
from minirag_ingest.commands import refreshing


async def test_a_killed_process_costs_a_lease_and_no_refresh(make_database: MakeDatabase) -> None:
    """Killed right after the commit: neither the version nor the next time is lost, and neither comes twice."""
    first = Ingest(await make_database("ingest"), lease=0.3)
    second = first.another()
    created = await first.create(a_source(refresh_schedule="daily"))
    started: list[WorkItem] = []
    first.runner._start = started.append  # type: ignore[method-assign]  # what a killed process does after its commit
    async with refreshing_only(first):
        await rearranged(first, created.id)
    [version] = await first.work("ingestion")
    assert [item.lease_owner for item in started] == [version["lease_owner"]]
    assert version["lease_owner"] is not None
    async with second.working():
        done = await second.ended(created.id)
    assert (done.status, await triggers(second, created.id)) == ("ready", ["schedule"])
    assert len(await second.work("refresh")) == 1
    await first.close()


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
        await until(lambda: requested(idle_ingest, created.id, 1))
    assert await triggers(idle_ingest, created.id) == ["schedule"]


async def test_a_refresh_that_keeps_breaking_is_told_and_has_its_next_time(
    idle_ingest: Ingest, monkeypatch: pytest.MonkeyPatch
) -> None:
    created = await idle_ingest.create(a_source(refresh_schedule="daily"))

    async def breaks(*args: Any) -> bool:
        raise RuntimeError("broken")

    monkeypatch.setattr(idle_ingest.refreshes, "_has_something", breaks)
    await make_due(idle_ingest, created.id)
    async with refreshing_only(idle_ingest):
        await until(lambda: parked(idle_ingest))
    assert await triggers(idle_ingest, created.id) == []
    assert await next_time(idle_ingest, created.id) > DAY - HOUR


async def test_two_processes_refresh_each_source_once(make_database: MakeDatabase) -> None:
    first = Ingest(await make_database("ingest"))
    second = first.another()
    ids = [(await first.create(a_source(f"Text {n}.", refresh_schedule="hourly"))).id for n in range(20)]
    await make_due(first, *ids)
    async with refreshing_only(first), refreshing_only(second):
        await until(lambda: all_later(first, *ids))
        await asyncio.sleep(0.1)
    assert [await triggers(first, source_id) for source_id in ids] == [["schedule"]] * 20
    assert len(await first.work("refresh")) == 20
    await first.close()


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
        await until(lambda: nothing_runs(idle_ingest.refresh_runner))
    assert await triggers(idle_ingest, created.id) == []
    assert (await idle_ingest.read(created.id)).next_refresh_at == changed.next_refresh_at
    weekly = change.get("refresh_schedule") == "weekly"
    assert (changed.next_refresh_at is not None) == weekly
    assert [row["payload"]["schedule"] for row in await idle_ingest.work("refresh")] == ["weekly"] * weekly
    assert await idle_ingest.count("dead_letters") == 0


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
        await until(lambda: requested(idle_ingest, created.id, 1))
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
