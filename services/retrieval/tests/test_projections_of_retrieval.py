"""Projections equal their fold, and rows equal the stream."""

from functools import reduce

from minirag_eventstore.log import load
from minirag_eventstore.rebuild import rebuild_own
from minirag_retrieval.domain import IndexState, evolve
from minirag_retrieval.projections import PROJECTIONS
from retrieval_rooms import Rooms, Source


async def test_every_projection_equals_its_rebuild(rooms: Rooms) -> None:
    first = Source(rooms)
    second = Source(rooms, first.scope, first.bot_id)
    for version in (1, 2, 3):
        await first.ingest(version, f"edition {version}")
    await second.ingest(1, "another source")
    await first.hide(3, second)
    await first.ingest(4, "edition 4")
    for projection in PROJECTIONS:
        async with rooms.database.system() as connection:
            await connection.execute("UPDATE events SET position = id WHERE position IS NULL")
        report = await rebuild_own(rooms.database, "retrieval", projection)
        assert (report.differences, report.events) == ([], 6)
        assert report.rows > 0


async def test_the_rows_that_decisions_rest_on_equal_the_fold_of_the_stream(rooms: Rooms) -> None:
    source = Source(rooms)
    for version in (1, 2):
        await source.ingest(version, f"edition {version}")
    gone = Source(rooms, source.scope, source.bot_id)
    await gone.ingest(1, "soon gone")
    await gone.hide(1)
    sources = [source.source_id, gone.source_id]
    async with rooms.database.tenant(source.scope) as connection:
        events = await load(connection, "retrieval", f"index-{source.bot_id}")
        row = await rooms.bots.read(connection, source.bot_id)
        visible = await rooms.bots.visible(connection, sources)
        hidden = await rooms.bots.hidden(connection, sources)
    state = reduce(evolve, [event.payload for event in events], IndexState())
    assert row is not None
    assert (state.generation, state.active, state.hidden) == (row.generation, visible, hidden)
    assert (visible, hidden) == ({source.source_id: 2}, {gone.source_id: 1})
    assert state.generation == events[-1].version
