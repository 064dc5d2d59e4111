"""Activations that die anywhere, and those that are only thought dead."""

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID, uuid4

import pytest
from minirag_contracts.context import TenantScope
from minirag_eventstore.log import load
from minirag_retrieval.ports import VectorIndex
from retrieval_deaths import Death, dying
from retrieval_rooms import Rooms, Source

DEATHS = [
    pytest.param("mark", 1, False, id="before the first mark"),
    pytest.param("mark", 1, True, id="after the new points are marked"),
    pytest.param("mark", 2, True, id="after the old points are marked"),
    pytest.param("flush", 1, False, id="before the flush"),
    pytest.param("flush", 1, True, id="after the flush, before the commit"),
]


@pytest.mark.parametrize(("operation", "at", "after"), DEATHS)
async def test_a_dead_activation_changes_nothing_and_its_repetition_gives_the_same(
    rooms: Rooms, operation: str, at: int, after: bool
) -> None:
    source = Source(rooms)
    await source.ingest(1, "the old bridge", "the old tower")
    await source.stage(2, "the new bridge", "the old tower")
    source.rooms = dying(rooms, operation, at, after=after)
    with pytest.raises(Death):
        await source.activate(2, 2)
    source.rooms = rooms
    assert set(await source.texts("bridge tower")) == {"the old bridge", "the old tower"}
    assert (await source.activate(2, 2)).generation == 2
    assert set(await source.texts("bridge tower")) == {"the new bridge", "the old tower"}
    async with rooms.database.tenant(source.scope) as connection:
        assert len(await load(connection, "retrieval", f"index-{source.bot_id}")) == 2
        assert await rooms.bots.preparations(connection, source.bot_id) == {}


@pytest.mark.parametrize(("operation", "at", "after"), DEATHS)
async def test_what_a_dead_activation_prepared_is_not_shown_by_the_next_one_of_another_source(
    rooms: Rooms, operation: str, at: int, after: bool
) -> None:
    scope, bot = TenantScope(uuid4()), uuid4()
    dead, alive = Source(rooms, scope, bot), Source(rooms, scope, bot)
    await dead.ingest(1, "the dead source, edition one")
    await alive.stage(1, "the living source")
    await dead.stage(2, "the dead source, edition two")
    dead.rooms = dying(rooms, operation, at, after=after)
    with pytest.raises(Death):
        await dead.activate(2, 1)
    dead.rooms = rooms
    await alive.activate(1, 1)
    expected = {"the dead source, edition one", "the living source"}
    assert set(await alive.texts("source edition")) == expected
    await dead.activate(2, 1)
    assert set(await alive.texts("source edition")) == {"the dead source, edition two", "the living source"}


async def test_a_version_restaged_with_other_chunks_after_a_death_shows_only_the_last_ones(
    rooms: Rooms,
) -> None:
    source = Source(rooms)
    await source.ingest(1, "edition one")
    await source.stage(2, "edition two, first try")
    source.rooms = dying(rooms, "flush")
    with pytest.raises(Death):
        await source.activate(2, 1)
    source.rooms = rooms
    await source.ingest(2, "edition two, second try")
    assert await source.texts("edition try") == ["edition two, second try"]


class DelayedIndex:
    """The real index; marks are held back until they are let go, long after their process was given up on."""

    def __init__(self, index: VectorIndex) -> None:
        self._index = index
        self.held: list[Callable[[], Any]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._index, name)

    async def mark(self, scope: TenantScope, ids: Sequence[UUID], claim: int, **ends: int) -> None:
        self.held.append(lambda: self._index.mark(scope, ids, claim, **ends))
        if len(self.held) == 2:
            raise Death


async def test_marks_that_arrive_after_another_activation_took_over_change_nothing(rooms: Rooms) -> None:
    scope, bot = TenantScope(uuid4()), uuid4()
    slow, quick = Source(rooms, scope, bot), Source(rooms, scope, bot)
    await slow.ingest(1, "slow source, edition one")
    await slow.stage(2, "slow source, edition two")
    await quick.stage(1, "quick source")
    index = DelayedIndex(rooms.index)
    held: Any = index
    slow.rooms = Rooms(rooms.database, held, rooms.embedder)
    with pytest.raises(Death):
        await slow.activate(2, 1)
    await quick.activate(1, 1)
    for late in index.held:
        await late()
    assert set(await quick.texts("source edition")) == {"slow source, edition one", "quick source"}
    slow.rooms = rooms
    await slow.activate(2, 1)
    assert set(await quick.texts("source edition")) == {"slow source, edition two", "quick source"}


async def test_a_death_while_staging_leaves_nothing_that_hinders(rooms: Rooms) -> None:
    source = Source(rooms)
    source.rooms = dying(rooms, "insert")
    with pytest.raises(Death):
        await source.stage(1, "one", "two")
    source.rooms = rooms
    await source.ingest(1, "one", "two")
    assert set(await source.texts("one two")) == {"one", "two"}
    assert await rooms.index.count(source.scope, source.bot_id) == 2
