"""Versions become visible whole, in one step, once."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from types import SimpleNamespace
from uuid import uuid4

import pytest
from minirag_contracts.context import TenantScope
from minirag_contracts.errors import TooBusy
from minirag_contracts.requests.retrieval import Activated, ActivateVersion, StageChunks
from minirag_eventstore import Database
from minirag_eventstore.log import load
from minirag_retrieval.adapters.qdrant import QdrantIndex
from minirag_retrieval.commands import staging
from minirag_retrieval.errors import IncompleteVersion, StaleVersion
from minirag_retrieval.ports import NEVER, EmbedderBusy, Span, Vector
from retrieval_rooms import Rooms, Source, WordEmbedder, a_chunk


async def test_a_staged_version_answers_only_after_its_activation(rooms: Rooms) -> None:
    source = Source(rooms)
    staged = await source.stage(1, "the mill grinds corn", "the ferry crosses the river")
    assert (staged.embedded, staged.carried) == (2, 0)
    assert await source.texts("mill") == []
    activated = await source.activate(1, 2)
    assert (activated.generation, activated.chunk_count) == (1, 2)
    assert await source.texts("where is the mill?", top_k=1) == ["the mill grinds corn"]


async def test_a_new_version_takes_the_place_of_the_old_one(rooms: Rooms) -> None:
    source = Source(rooms)
    await source.ingest(1, "opening hours are nine to five", "parking is free")
    staged = await source.stage(2, "opening hours are ten to six", "parking is free")
    assert (staged.embedded, staged.carried) == (1, 1)
    assert "opening hours are nine to five" in await source.texts("opening hours")
    await source.activate(2, 2)
    assert set(await source.texts("opening hours")) == {"opening hours are ten to six", "parking is free"}
    async with rooms.database.tenant(source.scope) as connection:
        events = await load(connection, "retrieval", f"index-{source.bot_id}")
    figures = [(event.data["generation"], event.data["added"], event.data["removed"]) for event in events]
    assert figures == [(1, 2, 0), (2, 1, 1)]


async def test_activating_again_answers_the_same_and_records_nothing(rooms: Rooms) -> None:
    source = Source(rooms)
    first = await source.ingest(1, "one", "two")
    second = await source.ingest(2, "two", "three")
    assert await source.activate(1, 2) == first
    assert await source.activate(2, 2) == second
    async with rooms.database.tenant(source.scope) as connection:
        assert len(await load(connection, "retrieval", f"index-{source.bot_id}")) == 2


async def test_an_incomplete_version_is_refused_and_the_old_one_answers(rooms: Rooms) -> None:
    source = Source(rooms)
    await source.ingest(1, "the old text")
    await source.stage(2, "the new text")
    with pytest.raises(IncompleteVersion, match="1 of 2 chunks"):
        await source.activate(2, 2)
    assert await source.texts("text") == ["the old text"]


async def test_a_version_older_than_the_active_one_is_refused(rooms: Rooms) -> None:
    source = Source(rooms)
    await source.stage(1, "late")
    await source.ingest(2, "early")
    with pytest.raises(StaleVersion):
        await source.activate(1, 1)
    assert await source.texts("late") == ["early"]


async def test_an_empty_version_hides_the_source(rooms: Rooms) -> None:
    source = Source(rooms)
    await source.ingest(1, "something")
    await source.activate(2, 0)
    assert await source.texts("something") == []


async def test_staging_in_batches_may_be_repeated_in_any_order(rooms: Rooms) -> None:
    source = Source(rooms)
    batches = [[a_chunk(f"paragraph {n}", ordinal=n) for n in part] for part in (range(3, 6), range(3))]
    for batch in [*batches, *batches]:
        await source.stage(1, *batch)
    assert (await source.activate(1, 6)).chunk_count == 6
    found = (await source.ask("paragraph", top_k=20)).passages
    assert sorted((p.ordinal, p.text) for p in found) == [(n, f"paragraph {n}") for n in range(6)]
    embedder = rooms.embedder
    assert isinstance(embedder, WordEmbedder)
    assert len(embedder.embedded) == 6


async def test_places_left_by_a_longer_attempt_at_the_same_version_are_forgotten(rooms: Rooms) -> None:
    source = Source(rooms)
    await source.stage(1, "first try one", "first try two", "first try three")
    await source.stage(1, "second try one", "second try two")
    await source.activate(1, 2)
    assert set(await source.texts("try")) == {"second try one", "second try two"}


async def test_the_same_text_twice_in_a_version_is_one_passage(rooms: Rooms) -> None:
    source = Source(rooms)
    staged = await source.stage(1, "terms apply", "terms apply", "prices vary")
    assert (staged.embedded, staged.carried) == (2, 1)
    assert (await source.activate(1, 3)).chunk_count == 3
    assert sorted(await source.texts("terms prices")) == ["prices vary", "terms apply"]


async def test_a_changed_page_number_is_shown_without_embedding_again(rooms: Rooms) -> None:
    source = Source(rooms)
    await source.ingest(1, a_chunk("a paragraph", page=1))
    staged = await source.stage(2, a_chunk("a paragraph", page=2))
    assert (staged.embedded, staged.carried) == (0, 1)
    await source.activate(2, 1)
    assert [passage.page for passage in (await source.ask("paragraph")).passages] == [2]


async def test_a_text_that_comes_back_in_a_later_version_is_found_again(rooms: Rooms) -> None:
    source = Source(rooms)
    for version, text in enumerate(("summer menu", "winter menu", "summer menu"), start=1):
        await source.ingest(version, text)
        assert await source.texts("menu") == [text]
    embedder = rooms.embedder
    assert isinstance(embedder, WordEmbedder)
    assert len(embedder.embedded) == 2


async def test_what_was_carried_over_and_ended_before_the_activation_gets_a_new_life(rooms: Rooms) -> None:
    source = Source(rooms)
    await source.ingest(1, "the anchor", "the sail")
    await source.stage(3, "the anchor", "the rudder")
    await source.ingest(2, "the sail")
    await source.activate(3, 2)
    assert set(await source.texts("anchor sail rudder")) == {"the anchor", "the rudder"}


async def test_sources_of_one_bot_activate_side_by_side_and_each_raises_the_generation_once(
    rooms: Rooms,
) -> None:
    scope, bot = TenantScope(uuid4()), uuid4()
    sources = [Source(rooms, scope, bot) for _ in range(12)]
    other = Rooms(rooms.database, rooms.index, rooms.embedder)
    for number, source in enumerate(sources):
        await source.stage(1, f"source number {number}")
        if number % 2:
            source.rooms = other
    activated = await asyncio.gather(*(source.activate(1, 1) for source in sources))
    assert sorted(a.generation for a in activated) == list(range(1, 13))
    assert len(await sources[0].texts("source number", top_k=20)) == 12


async def test_a_tenant_sees_nothing_of_a_foreign_bot(rooms: Rooms) -> None:
    source = Source(rooms)
    await source.ingest(1, "a secret")
    stranger = Source(rooms, bot_id=source.bot_id)
    reply = await stranger.ask("secret", highlights=2)
    assert (reply.passages, reply.highlights, reply.relevance) == ([], [], 0.0)


async def test_readers_never_see_half_a_version(rooms: Rooms) -> None:
    source = Source(rooms)
    await source.ingest(1, *(f"edition 1 page {n} of the almanac" for n in range(8)))
    seen: list[set[str]] = []

    async def read() -> None:
        while True:
            texts = await source.texts("almanac edition page", top_k=20)
            seen.append({text.split()[1] for text in texts})
            assert len(texts) == 8

    readers = [asyncio.create_task(read()) for _ in range(3)]
    for version in range(2, 12):
        await source.ingest(version, *(f"edition {version} page {n} of the almanac" for n in range(8)))
    for reader in readers:
        assert not reader.done() or reader.exception() is None
        reader.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await reader
    assert all(len(editions) == 1 for editions in seen)
    assert len({edition for editions in seen for edition in editions}) > 5


async def test_requests_are_what_the_contract_says() -> None:
    assert StageChunks.subject() == "rpc.retrieval.chunks.stage"
    assert ActivateVersion.subject() == "rpc.retrieval.versions.activate"


async def test_points_bear_what_the_rows_say(rooms: Rooms) -> None:
    source = Source(rooms)
    await source.ingest(1, "stays", "goes")
    await source.ingest(2, "stays", "comes")
    async with rooms.database.tenant(source.scope) as connection:
        expected = await rooms.rows.spans(connection, source.source_id)
    assert await rooms.index.spans(source.scope, list(expected)) == expected
    assert sorted(expected.values(), key=str) == sorted([Span(1, NEVER), Span(1, 2), Span(2, NEVER)], key=str)


async def test_a_batch_that_is_repeated_while_it_is_embedded_is_embedded_once(rooms: Rooms) -> None:
    source = Source(rooms)
    answers = await asyncio.gather(*(source.stage(1, "one", "two") for _ in range(3)))
    assert sorted(answer.embedded for answer in answers) == [0, 0, 2]


async def test_everything_is_the_same_on_the_other_engine(
    make_database: Callable[[str], Awaitable[Database]], qdrant_index: QdrantIndex
) -> None:
    source = Source(Rooms(await make_database("retrieval"), qdrant_index, WordEmbedder()))
    await source.ingest(1, "opening hours are nine to five", "parking is free")
    await source.ingest(2, "opening hours are ten to six", "parking is free")
    assert set(await source.texts("opening hours")) == {"opening hours are ten to six", "parking is free"}
    assert await source.activate(1, 2) == Activated(generation=1, chunk_count=2)


async def test_texts_with_characters_that_postgres_does_not_store_are_taken_in(rooms: Rooms) -> None:
    source = Source(rooms)
    await source.ingest(1, a_chunk("a\0 zero byte", title="t\0"))
    assert await source.texts("zero") == ["a zero byte"]


async def test_a_provider_that_wants_a_pause_is_told_on_and_not_asked_before_its_time(
    rooms: Rooms, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[float] = []
    now = 100.0
    monkeypatch.setattr(staging, "time", SimpleNamespace(monotonic=lambda: now))

    class Limited(WordEmbedder):
        async def embed_batch(self, texts: Sequence[str], scope: TenantScope) -> list[Vector]:
            asked.append(now)
            if len(asked) == 1:
                raise EmbedderBusy(0.3)
            return await super().embed_batch(texts, scope)

    source = Source(Rooms(rooms.database, rooms.index, Limited()))
    with pytest.raises(TooBusy) as first:
        await source.stage(1, "a paragraph")
    now += 0.1
    with pytest.raises(TooBusy) as second:
        await source.stage(1, "a paragraph")
    assert (first.value.retry_after, len(asked)) == (0.3, 1)
    assert second.value.retry_after == pytest.approx(0.2)
    now += 0.25
    assert (await source.stage(1, "a paragraph")).embedded == 1
