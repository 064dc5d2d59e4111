"""Schedules at work, on a real database: when a source is refreshed, and what its failures and its family change about it."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from contexts import a_context
from ingest_builders import BOT, Ingest, a_source
from ingest_refreshes import (
    DAY,
    HOUR,
    SECOND,
    SPREAD,
    all_later,
    make_due,
    next_time,
    rearranged,
    refreshing_only,
    triggers,
    until,
)
from minirag_contracts.requests.ingest import CreateSourceBatch, NewChild
from minirag_ingest.domain.schedule import parse, plan
from minirag_ingest.errors import InvalidSchedule
from minirag_ingest.ports import LastingFailure, Target


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
    assert (await ingest.events(created.id))[-1] == "source.ingest.unchanged"
    assert ingest.index.active == {created.id: 1}


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
            config={"url": "https://x.example/", "crawl": {"max_depth": 1}},
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
