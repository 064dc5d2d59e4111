"""Points that were lost come back; points that nobody can reach go."""

import asyncio
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest
from minirag_contracts.context import TenantScope
from minirag_contracts.ids import new_id
from minirag_eventstore import Connection, WorkItem
from minirag_retrieval.adapters.bot_rows import PostgresBotRows
from minirag_retrieval.adapters.chunk_rows import PostgresChunkRows
from minirag_retrieval.adapters.edge import EdgeIndex
from minirag_retrieval.commands.restoring import Restoring
from minirag_retrieval.errors import IndexIncomplete
from retrieval_engine import EngineProcess
from retrieval_rooms import Rooms, Source, WordEmbedder, a_chunk


def lose_everything(engine: EngineProcess) -> None:
    engine.kill()
    shutil.rmtree(engine.data)
    engine.start()


async def test_a_lost_folder_is_filled_again_without_embedding(rooms: Rooms, engine: EngineProcess) -> None:
    sources = [Source(rooms) for _ in range(3)]
    for source in sources:
        await source.ingest(1, *(f"paragraph {n}, first edition" for n in range(30)))
        await source.ingest(2, *(f"paragraph {n}, second edition" for n in range(30)))
    await rooms.restoring.look()
    embedder = rooms.embedder
    assert isinstance(embedder, WordEmbedder)
    before = len(embedder.embedded)
    lose_everything(engine)
    await rooms.index.status()
    with pytest.raises(IndexIncomplete):
        await sources[0].ask("paragraph")
    await rooms.restoring.look()
    await rooms.restoring.check()
    for source in sources:
        texts = await source.texts("paragraph edition", top_k=50)
        assert sorted(texts) == sorted(f"paragraph {n}, second edition" for n in range(30))
    assert len(embedder.embedded) == before


async def test_health_says_how_many_bots_wait_for_their_vectors(rooms: Rooms) -> None:
    with pytest.raises(IndexIncomplete, match="looked"):
        await rooms.restoring.check()
    await rooms.restoring.look()
    await rooms.restoring.check()
    rooms.restoring._waiting = 4
    with pytest.raises(IndexIncomplete, match="4 bots"):
        await rooms.restoring.check()


async def test_a_process_is_not_well_from_the_loss_on_until_everything_is_restored(
    rooms: Rooms, engine: EngineProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At each question that a search could come to, in the process that was there and in one that starts."""
    sources = [Source(rooms) for _ in range(2)]
    for source in sources:
        await source.ingest(1, "the lighthouse")
    await rooms.restoring.look()
    lose_everything(engine)
    started = Rooms(rooms.database, rooms.index, rooms.embedder)
    seen: list[str] = []

    async def hears(restoring: Restoring) -> None:
        with pytest.raises(IndexIncomplete) as told:
            await restoring.check()
        seen.append(str(told.value))

    await hears(rooms.restoring)
    await hears(started.restoring)
    every_bot, count = PostgresBotRows.every_bot, PostgresChunkRows.count

    async def while_listed(bots: PostgresBotRows) -> list[tuple[TenantScope, UUID, str]]:
        found = await every_bot(bots)
        await hears(started.restoring)
        return found

    async def while_restored(rows: PostgresChunkRows, connection: Connection, bot_id: UUID) -> int:
        await hears(started.restoring)
        return await count(rows, connection, bot_id)

    with monkeypatch.context() as patch:
        patch.setattr(PostgresBotRows, "every_bot", while_listed)
        patch.setattr(PostgresChunkRows, "count", while_restored)
        await started.restoring.look()
    await started.restoring.check()
    looked, waits = "Nobody has looked yet", "The vectors of"
    assert [next(word for word in (looked, waits) if word in told) for told in seen] == [looked] * 3 + [
        waits
    ] * 2
    await hears(rooms.restoring)
    await rooms.restoring.look()
    await rooms.restoring.check()


async def test_what_another_process_restored_meanwhile_is_not_restored_again(
    rooms: Rooms, engine: EngineProcess
) -> None:
    sources = [Source(rooms) for _ in range(3)]
    for source in sources:
        await source.ingest(1, "the lighthouse", "the harbour")
    lose_everything(engine)
    processes = [Rooms(rooms.database, rooms.index, rooms.embedder) for _ in range(3)]
    await asyncio.gather(*(process.restoring.look() for process in processes))
    for source in sources:
        async with rooms.database.tenant(source.scope) as connection:
            row = await rooms.bots.read(connection, source.bot_id)
        assert row is not None and row.claim == 2, "one claim of the activation, one of one restoration"
        assert set(await source.texts("lighthouse harbour")) == {"the lighthouse", "the harbour"}


async def test_an_activation_restores_its_bot_where_nobody_has_yet(
    rooms: Rooms, engine: EngineProcess
) -> None:
    source = Source(rooms)
    await source.ingest(1, "the lighthouse", "the harbour")
    await source.stage(2, "the lighthouse", "the market")
    lose_everything(engine)
    await source.activate(2, 2)
    assert set(await source.texts("lighthouse harbour market")) == {"the lighthouse", "the market"}


async def test_a_first_version_staged_before_the_loss_is_activated_after_it(
    rooms: Rooms, engine: EngineProcess
) -> None:
    source = Source(rooms)
    await source.stage(1, "the lighthouse")
    lose_everything(engine)
    await source.activate(1, 1)
    assert await source.texts("lighthouse") == ["the lighthouse"]


async def test_single_missing_points_are_noticed_at_the_start(rooms: Rooms, edge_index: EdgeIndex) -> None:
    source = Source(rooms)
    await source.ingest(1, "one", "two", "three")
    async with rooms.database.tenant(source.scope) as connection:
        chunks = list(await rooms.rows.spans(connection, source.source_id))
    await edge_index.delete(source.scope, chunks[:2])
    await rooms.restoring.look()
    assert len(await source.texts("one two three")) == 3


async def collect(rooms: Rooms, source: Source) -> None:
    """Runs the collection of a source as its worker would."""
    async with rooms.database.tenant(source.scope) as connection:
        row = await connection.fetchrow(
            "UPDATE work SET lease_owner = gen_random_uuid() WHERE kind = 'collect' RETURNING work_id, lease_owner"
        )
    item = WorkItem(
        work_id=row["work_id"] if row else new_id(),
        tenant_id=source.scope.tenant_id,
        kind="collect",
        key="key",
        payload={"source_id": str(source.source_id)},
        attempt=1,
        created_at=datetime.now(UTC),
        lease_owner=row["lease_owner"] if row else new_id(),
    )
    await rooms.collection.collect(item)


async def stored(rooms: Rooms, source: Source) -> dict[UUID, str]:
    async with rooms.database.tenant(source.scope) as connection:
        rows = await connection.fetch(
            "SELECT chunk_id, text FROM chunks WHERE source_id = $1", source.source_id
        )
    return {row["chunk_id"]: row["text"] for row in rows}


async def test_the_last_three_versions_are_kept_and_older_ones_collected(rooms: Rooms) -> None:
    source = Source(rooms)
    for version in range(1, 6):
        await source.ingest(version, "on every edition", f"only in edition {version}")
    before = await stored(rooms, source)
    await collect(rooms, source)
    after = await stored(rooms, source)
    assert sorted(after.values()) == ["on every edition", *(f"only in edition {n}" for n in (3, 4, 5))]
    assert set(await rooms.index.spans(source.scope, list(before))) == set(after)
    assert len(await source.texts("edition")) == 2


async def test_a_staged_version_that_was_overtaken_is_collected_and_a_newer_one_is_not(rooms: Rooms) -> None:
    source = Source(rooms)
    await source.ingest(1, "edition one")
    await source.stage(2, "edition two")
    await source.ingest(3, "edition three")
    await source.stage(4, "edition four")
    await collect(rooms, source)
    assert sorted((await stored(rooms, source)).values()) == ["edition four", "edition one", "edition three"]
    await source.activate(4, 1)
    assert await source.texts("edition") == ["edition four"]


async def languages(rooms: Rooms, source: Source) -> list[str]:
    async with rooms.database.tenant(source.scope) as connection:
        return sorted(map(str, await rooms.rows.languages(connection, source.bot_id)))


async def superseded(source: Source, language: str | None) -> None:
    """Five versions, of which the first is in this language and will be collected."""
    await source.ingest(1, a_chunk("edition one").model_copy(update={"language": language}))
    for version in range(2, 6):
        text = a_chunk(f"edition {version}")
        await source.ingest(version, text.model_copy(update={"language": "en"}))


@pytest.mark.parametrize("language", ["de", None])
async def test_a_language_goes_with_the_last_chunk_that_is_in_it(rooms: Rooms, language: str | None) -> None:
    source = Source(rooms)
    other = Source(rooms, source.scope, source.bot_id)
    await other.stage(1, a_chunk("still here").model_copy(update={"language": language}))
    await superseded(source, language)
    assert await languages(rooms, source) == sorted([str(language), "en"])
    await collect(rooms, source)
    assert await languages(rooms, source) == sorted([str(language), "en"]), "another source is in it"
    await other.activate(1, 1)
    for version in range(2, 6):
        await other.ingest(version, a_chunk(f"here {version}").model_copy(update={"language": "en"}))
    await collect(rooms, other)
    assert await languages(rooms, source) == ["en"]


async def test_a_language_that_somebody_brings_at_this_moment_stays(rooms: Rooms) -> None:
    source, stranger = Source(rooms), Source(rooms)
    await superseded(source, "de")
    await superseded(stranger, "de")
    async with rooms.database.tenant(source.scope) as connection:
        [old] = [
            chunk
            for chunk in await rooms.rows.chunks(connection, list(await stored(rooms, source)))
            if chunk.language == "de"
        ]
        new = replace(old, chunk_id=new_id(), source_id=new_id(), from_gen=None, to_gen=None)
        await rooms.rows.stage(connection, source.scope, 1, [new], [])
        async with asyncio.timeout(5):
            await collect(rooms, source)
            await collect(rooms, stranger)
    assert await languages(rooms, source) == ["de", "en"]
    assert await languages(rooms, stranger) == ["en"], "its bot is another one"
    assert "edition one" not in (await stored(rooms, source)).values()
