"""Parents with their children: made in one piece, shown in one row, counted in one statement."""

import asyncio
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from ingest_builders import BOT, TENANT, Ingest, a_context, a_source, a_url
from minirag_contracts.context import TenantScope
from minirag_contracts.errors import InvalidRequest, Refusal
from minirag_contracts.ids import new_id
from minirag_contracts.requests.ingest import (
    BotSources,
    CreateSourceBatch,
    GetSourcesSummary,
    IngestChildren,
    ListChildren,
    ListSources,
    SourceRead,
)
from minirag_ingest.errors import BotUnknown, InvalidSource, InvalidUrl, NoChildren, SourceNotFound
from minirag_ingest.ports import Target


def a_child(name: str = "c", content: str | None = "Words.", **fields: Any) -> dict[str, Any]:
    return {"name": name, "source_type": "text", "content": content} | fields


def a_batch(*children: dict[str, Any], **fields: Any) -> CreateSourceBatch:
    values = {"bot_id": BOT, "name": "Site", "children": children} | fields
    return CreateSourceBatch.model_validate(values)


async def listed(ingest: Ingest, **fields: Any) -> list[SourceRead]:
    return (await ingest.queries.list(ListSources(**fields), a_context())).items


async def test_a_batch_makes_all_of_them_and_ingests_nothing(idle_ingest: Ingest) -> None:
    children = [a_child(f"c{n}") for n in range(3)]
    made = await idle_ingest.families.create_batch(a_batch(*children, description="d"), a_context())
    assert (made.parent.source_type, made.parent.children_count, made.parent.description) == ("url", 3, "d")
    assert [child.name for child in made.children] == ["c0", "c1", "c2"]
    assert {child.parent_id for child in made.children} == {made.parent.id}
    assert {child.status for child in (made.parent, *made.children)} == {"pending"}
    assert await idle_ingest.count("work") == 0
    assert made.parent == await idle_ingest.read(made.parent.id)


async def test_a_batch_whose_reply_was_lost_answers_the_same(idle_ingest: Ingest) -> None:
    context = a_context(command_id=new_id())
    request = a_batch(a_child(), a_child("d"))
    first = await idle_ingest.families.create_batch(request, context)
    assert await idle_ingest.families.create_batch(request, context) == first
    assert await idle_ingest.count("sources") == 3


@pytest.mark.parametrize("which", ["flat", "of a parent", "children"])
async def test_a_list_that_is_larger_than_a_message_of_the_bus_has_several_pages(
    idle_ingest: Ingest, which: str
) -> None:
    large = {"notes": "x" * 60_000}
    made = await idle_ingest.families.create_batch(
        a_batch(*(a_child(f"{n}", None, config=large) for n in range(150))), a_context()
    )
    parent_id = made.parent.id
    names: list[str] = []
    cursor = None
    while True:
        if which == "children":
            children = ListChildren(source_id=parent_id, cursor=cursor)
            page = await idle_ingest.queries.children(children, a_context())
        else:
            narrowed = {"include_children": True} if which == "flat" else {"parent_id": parent_id}
            asked = ListSources.model_validate({"cursor": cursor, **narrowed})
            page = await idle_ingest.queries.list(asked, a_context())
        assert len(page.model_dump_json()) < 8 * 1024 * 1024
        names += [source.name for source in page.items]
        cursor = page.next
        if cursor is None:
            break
    assert sorted(names) == sorted([*(f"{n}" for n in range(150)), *(["Site"] if which == "flat" else [])])


@pytest.mark.parametrize(
    ("children", "fields", "refusal"),
    [
        ([], {}, NoChildren),
        ([a_child()] * 1001, {}, InvalidSource),
        ([a_child(), a_child("")], {}, InvalidSource),
        ([a_child(), a_child(content="a\0b")], {}, InvalidSource),
        ([a_child(), a_child(source_type="upload")], {}, InvalidSource),
        ([a_child(), a_child(source_type="url", config={"url": "ftp://x"})], {}, InvalidUrl),
        ([a_child()], {"bot_id": new_id()}, BotUnknown),
        ([a_child()], {"name": " "}, InvalidSource),
    ],
)
async def test_a_batch_is_made_whole_or_not_at_all(
    idle_ingest: Ingest, children: list[dict[str, Any]], fields: dict[str, Any], refusal: type[Refusal]
) -> None:
    with pytest.raises(refusal):
        await idle_ingest.families.create_batch(a_batch(*children, **fields), a_context())
    assert await idle_ingest.count("events") == await idle_ingest.count("source_contents") == 0


async def test_a_thousand_children_are_one_command(idle_ingest: Ingest) -> None:
    children = [a_child(f"c{n}") for n in range(1000)]
    made = await idle_ingest.families.create_batch(a_batch(*children), a_context())
    assert (made.parent.children_count, len(made.children)) == (1000, 1000)
    queued = await idle_ingest.families.ingest_children(IngestChildren(source_id=made.parent.id), a_context())
    assert queued.enqueued == await idle_ingest.count("work") == 1000
    await idle_ingest.delete(made.parent.id)
    await idle_ingest.runner.drain(0)
    assert await idle_ingest.count("work") == 0
    assert len(idle_ingest.index.hidden) == 1000


async def forever(step: str, target: Target) -> None:
    """An ingestion that does not end."""
    await asyncio.sleep(3600)


async def test_ingesting_children_skips_those_that_are_being_processed(idle_ingest: Ingest) -> None:
    idle_ingest.index.before = forever
    made = await idle_ingest.families.create_batch(a_batch(*[a_child()] * 4), a_context())
    await idle_ingest.ingest(made.children[0].id)
    await idle_ingest.delete(made.children[1].id)
    request = IngestChildren(source_id=made.parent.id)
    context = a_context(command_id=new_id())
    for _ in range(2):
        assert (await idle_ingest.families.ingest_children(request, context)).enqueued == 2
    assert (await idle_ingest.families.ingest_children(request, a_context())).enqueued == 0
    assert await idle_ingest.count("work") == 3


async def state(ingest: Ingest, source_id: UUID, status: str, chunks: int = 0) -> None:
    """Puts a row in a state that only its figures matter of."""
    async with ingest.database.tenant(TenantScope(TENANT)) as connection:
        await connection.execute(
            "UPDATE sources SET status = $2, chunk_count = $3 WHERE source_id = $1", source_id, status, chunks
        )


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        (["ready", "processing", "error"], "processing"),
        (["ready", "error", "pending"], "error"),
        (["ready", "ready"], "ready"),
        (["ready", "pending"], "pending"),
        (["pending"], "pending"),
    ],
)
async def test_a_parent_shows_what_its_children_are(
    idle_ingest: Ingest, statuses: list[str], expected: str
) -> None:
    made = await idle_ingest.families.create_batch(a_batch(*[a_child()] * len(statuses)), a_context())
    for child, status in zip(made.children, statuses, strict=True):
        await state(idle_ingest, child.id, status, chunks=5)
    shown = await idle_ingest.read(made.parent.id)
    assert (shown.status, shown.chunk_count) == (expected, 5 * len(statuses))
    assert (shown.children_count, shown.document_count) == (len(statuses), 0)
    assert await listed(idle_ingest) == [shown]


async def test_deleted_children_count_no_more(idle_ingest: Ingest) -> None:
    made = await idle_ingest.families.create_batch(a_batch(a_child(), a_child()), a_context())
    await state(idle_ingest, made.children[0].id, "ready", chunks=5)
    await idle_ingest.delete(made.children[1].id)
    shown = await idle_ingest.read(made.parent.id)
    assert (shown.status, shown.chunk_count, shown.children_count) == ("ready", 5, 1)
    await idle_ingest.delete(made.children[0].id)
    alone = await idle_ingest.read(made.parent.id)
    assert (alone.status, alone.chunk_count, alone.children_count) == ("pending", 0, 0)


async def test_the_three_lists(idle_ingest: Ingest) -> None:
    single = await idle_ingest.create(a_source())
    made = await idle_ingest.families.create_batch(a_batch(a_child("a"), a_child("b")), a_context())
    first, second = (child.id for child in made.children)
    await state(idle_ingest, first, "ready", chunks=5)
    await state(idle_ingest, second, "ready", chunks=6)
    assert [one.id for one in await listed(idle_ingest)] == [made.parent.id, single.id]
    assert [one.id for one in await listed(idle_ingest, parent_id=made.parent.id)] == [second, first]
    flat = await listed(idle_ingest, include_children=True)
    assert [one.id for one in flat] == [second, first, made.parent.id, single.id]
    assert (flat[2].status, flat[2].chunk_count) == ("pending", 0)
    assert await listed(idle_ingest, bot_id=new_id(), include_children=True) == []
    assert await listed(idle_ingest, parent_id=new_id()) == []


async def test_children_are_paged_oldest_first(idle_ingest: Ingest) -> None:
    made = await idle_ingest.families.create_batch(a_batch(*[a_child()] * 5), a_context())
    expected = [child.id for child in made.children]
    seen: list[list[UUID]] = []
    cursor = None
    while True:
        request = ListChildren(source_id=made.parent.id, limit=2, cursor=cursor)
        page = await idle_ingest.queries.children(request, a_context())
        seen.append([child.id for child in page.items])
        if (cursor := page.next) is None:
            break
    assert seen == [expected[:2], expected[2:4], expected[4:]]
    flat = [one.id for one in await listed(idle_ingest, include_children=True, limit=3)]
    assert flat == list(reversed(expected))[:3]
    with pytest.raises(SourceNotFound):
        await idle_ingest.queries.children(ListChildren(source_id=new_id()), a_context())
    with pytest.raises(SourceNotFound):
        await idle_ingest.queries.children(ListChildren(source_id=made.parent.id), a_context(new_id()))
    with pytest.raises(InvalidRequest):
        await idle_ingest.queries.children(
            ListChildren(source_id=made.parent.id, cursor="nonsense"), a_context()
        )


async def test_a_list_of_many_parents_is_one_statement(
    idle_ingest: Ingest, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(5):
        await idle_ingest.families.create_batch(a_batch(a_child(), a_child()), a_context())
    statements: list[str] = []
    fetch = asyncpg.connection.Connection.fetch

    async def noted(self: Any, query: str, *arguments: Any, **options: Any) -> Any:
        statements.append(query)
        return await fetch(self, query, *arguments, **options)

    monkeypatch.setattr(asyncpg.connection.Connection, "fetch", noted)
    assert {one.children_count for one in await listed(idle_ingest)} == {2}
    assert len(statements) == 1


async def test_the_summary_counts_active_sources(ingest: Ingest) -> None:
    other_bot = new_id()
    ingest.bots.known.add((TENANT, other_bot))
    ready = await ingest.ingested(a_source("Words. " * 500))
    failed = await ingest.ingested(a_url("http://10.0.0.1/"))
    await ingest.create(a_source(bot_id=other_bot))
    gone = await ingest.ingested(a_source())
    await ingest.delete(gone.id)
    found = await ingest.queries.summary(GetSourcesSummary(), a_context())
    assert failed.status == "error"
    assert found.sources_by_status == {"ready": 1, "error": 1, "pending": 1}
    assert found.total_chunks == ready.chunk_count
    by_bot = {one.bot_id: one for one in found.by_bot}
    assert by_bot[BOT] == BotSources(
        bot_id=BOT, source_count=2, ready_sources=1, total_chunks=ready.chunk_count
    )
    assert by_bot[other_bot].source_count == 1
    nobody = await ingest.queries.summary(GetSourcesSummary(), a_context(new_id()))
    assert (nobody.sources_by_status, nobody.total_chunks, nobody.by_bot) == ({}, 0, [])
