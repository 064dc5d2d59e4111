"""Hidden sources are found by nobody from the reply on, whatever dies and whoever comes late."""

import asyncio
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from minirag_contracts.context import TenantScope
from minirag_contracts.events.retrieval import SourcesHidden
from minirag_contracts.requests.retrieval import Activated, GetIndexSummary, Hidden, IndexSummary
from minirag_eventstore import WorkItem
from minirag_eventstore.log import load
from minirag_retrieval.errors import VersionHidden
from minirag_retrieval.queries.summary import Summary
from retrieval_deaths import Death, dying
from retrieval_engine import EngineProcess
from retrieval_rooms import Rooms, Source, WordEmbedder


def siblings(rooms: Rooms, count: int) -> list[Source]:
    """Sources of one bot."""
    scope, bot = TenantScope(uuid4()), uuid4()
    return [Source(rooms, scope, bot) for _ in range(count)]


async def events_of(source: Source) -> list[str]:
    async with source.rooms.database.tenant(source.scope) as connection:
        return [event.type for event in await load(connection, "retrieval", f"index-{source.bot_id}")]


async def test_several_sources_are_hidden_in_one_step_and_the_others_go_on_answering(rooms: Rooms) -> None:
    first, second, third = siblings(rooms, 3)
    for name, source in (("first", first), ("second", second), ("third", third)):
        await source.ingest(1, f"the {name} mill")
    assert await first.hide(1, second) == Hidden(generation=4, removed=2)
    assert await first.texts("mill") == ["the third mill"]
    async with rooms.database.tenant(first.scope) as connection:
        event = (await load(connection, "retrieval", f"index-{first.bot_id}"))[-1].payload
    assert isinstance(event, SourcesHidden)
    assert {(hidden.source_id, hidden.version, hidden.removed) for hidden in event.sources} == {
        (first.source_id, 1, 1),
        (second.source_id, 1, 1),
    }


async def test_hiding_again_answers_the_same_and_records_nothing(rooms: Rooms) -> None:
    source = Source(rooms)
    await source.ingest(1, "the mill")
    assert await source.hide(1) == Hidden(generation=2, removed=1)
    assert await source.hide(1) == Hidden(generation=2, removed=0)
    assert await events_of(source) == ["index.version.activated", "index.source.hidden"]


async def test_two_hidings_at_once_hide_once(rooms: Rooms) -> None:
    source, other = siblings(rooms, 2)
    await source.ingest(1, "the mill")
    other.rooms = Rooms(rooms.database, rooms.index, rooms.embedder)
    other.source_id = source.source_id
    done = await asyncio.gather(source.hide(1), other.hide(1), source.hide(1))
    assert sorted(one.removed for one in done) == [0, 0, 1]
    assert {one.generation for one in done} == {2}
    assert await source.texts("mill") == []


async def test_a_version_that_was_being_made_never_becomes_visible(rooms: Rooms) -> None:
    source = Source(rooms)
    await source.ingest(1, "the old mill")
    await source.stage(2, "the new mill")
    await source.hide(2)
    with pytest.raises(VersionHidden) as refused:
        await source.activate(2, 1)
    assert (refused.value.status, refused.value.code) == (409, "source_hidden")
    with pytest.raises(VersionHidden):
        await source.stage(2, "more of it")
    assert await source.texts("mill") == []


async def test_a_source_that_never_answered_is_fenced_off_as_well(rooms: Rooms) -> None:
    source = Source(rooms)
    assert await source.hide(1) == Hidden(generation=1, removed=0)
    with pytest.raises(VersionHidden):
        await source.stage(1, "the mill")
    assert (await source.hide(0)).removed == 0
    assert await events_of(source) == ["index.source.hidden"]


async def test_a_hiding_that_comes_late_leaves_the_newer_version_visible(rooms: Rooms) -> None:
    source = Source(rooms)
    await source.ingest(1, "the old mill")
    await source.hide(1)
    await source.ingest(2, "the new mill")
    await source.hide(1)
    assert await source.texts("mill") == ["the new mill"]


async def test_a_late_repetition_of_an_activation_does_not_bring_it_back(rooms: Rooms) -> None:
    source = Source(rooms)
    await source.ingest(1, "the mill")
    await source.hide(1)
    assert await source.activate(1, 1) == Activated(generation=1, chunk_count=1)
    assert await source.texts("mill") == []


async def test_what_comes_back_is_not_embedded_again(rooms: Rooms) -> None:
    source = Source(rooms)
    await source.ingest(1, "the mill", "the weir")
    await source.hide(1)
    staged = await source.stage(2, "the mill", "the weir", "the lock")
    assert (staged.embedded, staged.carried) == (1, 2)
    await source.activate(2, 3)
    assert set(await source.texts("mill weir lock")) == {"the mill", "the weir", "the lock"}
    assert isinstance(rooms.embedder, WordEmbedder)
    assert len(rooms.embedder.embedded) == 3


@pytest.mark.parametrize("run", range(4))
async def test_an_activation_and_a_hiding_at_once_end_hidden(rooms: Rooms, run: int) -> None:
    source = Source(rooms)
    await source.ingest(1, "the old mill")
    await source.stage(2, "the new mill")
    other = Source(Rooms(rooms.database, rooms.index, rooms.embedder), source.scope, source.bot_id)
    other.source_id = source.source_id

    async def activation() -> bool:
        await asyncio.sleep(0.003 * run)
        try:
            await source.activate(2, 1)
        except VersionHidden:
            return False
        return True

    was_visible, hidden = await asyncio.gather(activation(), other.hide(2))
    assert await source.texts("mill") == []
    assert hidden.removed == 1
    assert (await events_of(source)).count("index.version.activated") == 1 + was_visible


@pytest.mark.parametrize(
    ("operation", "at", "after"),
    [
        pytest.param("mark", 2, False, id="before the points are marked"),
        pytest.param("mark", 2, True, id="after the points are marked"),
        pytest.param("flush", 1, False, id="before the flush"),
        pytest.param("flush", 1, True, id="after the flush, before the commit"),
    ],
)
async def test_a_dead_hiding_changes_nothing_and_its_repetition_hides(
    rooms: Rooms, operation: str, at: int, after: bool
) -> None:
    source, neighbour = siblings(rooms, 2)
    await source.ingest(1, "the mill")
    await neighbour.stage(1, "the next mill")
    source.rooms = dying(rooms, operation, at, after=after)
    with pytest.raises(Death):
        await source.hide(1)
    source.rooms = rooms
    await neighbour.activate(1, 1)
    assert set(await source.texts("mill")) == {"the mill", "the next mill"}
    assert (await source.hide(1)).removed == 1
    assert await source.texts("mill") == ["the next mill"]


async def test_the_engine_may_be_restarted_and_lose_everything(rooms: Rooms, engine: EngineProcess) -> None:
    source, neighbour = siblings(rooms, 2)
    await source.ingest(1, "the mill")
    await neighbour.ingest(1, "the next mill")
    engine.kill()
    engine.start()
    await source.hide(1)
    assert await source.texts("mill") == ["the next mill"]
    engine.kill()
    engine.start()
    assert await source.texts("mill") == ["the next mill"]


async def work_of(source: Source, hidden: int) -> tuple[WorkItem, datetime]:
    async with source.rooms.database.tenant(source.scope) as connection:
        row = await connection.fetchrow(
            """UPDATE work SET lease_owner = gen_random_uuid() WHERE kind = 'collect' AND key = $1
               RETURNING work_id, tenant_id, kind, key, payload, attempts AS attempt, created_at, lease_owner, due_at""",
            f"{source.source_id}:hidden:{hidden}",
        )
    fields = dict(row)
    due = fields.pop("due_at")
    return WorkItem(**fields), due


async def stored(source: Source) -> list[str]:
    async with source.rooms.database.tenant(source.scope) as connection:
        rows = await connection.fetch("SELECT text FROM chunks WHERE source_id = $1", source.source_id)
    return sorted(row["text"] for row in rows)


async def test_what_was_hidden_is_collected_after_a_day(rooms: Rooms) -> None:
    source = Source(rooms)
    await source.ingest(1, "the mill", "the weir")
    await source.stage(2, "the lock")
    await source.hide(2)
    item, due = await work_of(source, 2)
    assert 23 < (due - datetime.now(UTC)).total_seconds() / 3600 <= 24
    await rooms.collection.collect(item)
    assert await stored(source) == []
    assert await rooms.index.count(source.scope, source.bot_id) == 0
    await source.ingest(3, "the mill")
    assert await source.texts("mill") == ["the mill"]


async def test_what_came_back_meanwhile_is_not_collected(rooms: Rooms) -> None:
    source = Source(rooms)
    await source.ingest(1, "the mill", "the weir")
    await source.hide(1)
    await source.ingest(2, "the mill")
    item, _ = await work_of(source, 1)
    await rooms.collection.collect(item)
    assert await stored(source) == ["the mill"]
    assert await source.texts("mill") == ["the mill"]


async def test_another_tenant_hides_nothing(rooms: Rooms) -> None:
    source = Source(rooms)
    await source.ingest(1, "the mill")
    stranger = Source(rooms)
    stranger.source_id = source.source_id
    assert (await stranger.hide(1)).removed == 0
    assert await source.texts("mill") == ["the mill"]


async def test_the_summary_counts_what_answers_now(rooms: Rooms) -> None:
    source, neighbour = siblings(rooms, 2)
    await source.ingest(1, "one", "two")
    await neighbour.ingest(1, "three")
    await source.hide(1)
    summary = Summary(rooms.database, rooms.rows, rooms.bots)
    found = await summary.index(GetIndexSummary(), source.context)
    assert found == IndexSummary(points_count=1, generation_count=3)
    nobody = Source(rooms, TenantScope(UUID(int=7)))
    assert await summary.index(GetIndexSummary(), nobody.context) == IndexSummary(
        points_count=0, generation_count=0
    )
