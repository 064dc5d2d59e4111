"""What a tenant may have at most; whoever is refused is told why, and others are not concerned."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from contexts import a_context
from ingest_builders import BOT, Ingest, a_source
from minirag_contracts.ids import new_id
from minirag_contracts.requests.ingest import CreateSourceBatch, IngestChildren
from minirag_eventstore import Database
from minirag_ingest.commands import quotas
from minirag_ingest.commands.quotas import Most, Quotas
from minirag_ingest.errors import TooManyQueued, TooManySources


@pytest.fixture
async def small(make_database: Callable[..., Awaitable[Database]]) -> AsyncIterator[Ingest]:
    """Three sources and two ingestions at most; nothing is worked on."""
    found = Ingest(await make_database("ingest"), most=Most(sources=3, queued=2))
    yield found
    await found.close()


def a_batch(children: int) -> CreateSourceBatch:
    child = {"name": "Page", "source_type": "text", "content": "Words."}
    return CreateSourceBatch.model_validate(
        {"bot_id": BOT, "name": "Site", "source_type": "text", "children": [child] * children}
    )


async def test_a_tenant_has_no_more_sources_than_it_may_and_deleting_one_makes_room(small: Ingest) -> None:
    created = [await small.create(a_source()) for _ in range(3)]
    with pytest.raises(TooManySources, match="at most 3 sources"):
        await small.create(a_source())
    with pytest.raises(TooManySources):
        await small.upload("note.txt", b"Words.")
    await small.delete(created[0].id)
    await small.create(a_source())
    assert await small.count("sources WHERE is_active") == 3


async def test_a_batch_counts_with_all_its_children_and_is_made_whole_or_not_at_all(small: Ingest) -> None:
    with pytest.raises(TooManySources):
        await small.families.create_batch(a_batch(3), a_context())
    assert await small.count("sources") == 0
    batch = await small.families.create_batch(a_batch(2), a_context())
    assert len(batch.children) == 2


async def test_another_tenant_is_not_concerned(small: Ingest) -> None:
    for _ in range(3):
        await small.create(a_source())
    other, bot = new_id(), new_id()
    small.bots.known.add((other, bot))
    await small.commands.create(a_source(bot_id=bot), a_context(other))


async def test_no_more_ingestions_wait_than_may(small: Ingest) -> None:
    created = [await small.create(a_source()) for _ in range(3)]
    small.runner._draining = True  # so that all of them wait
    for source in created[:2]:
        await small.ingest(source.id)
    with pytest.raises(TooManyQueued, match="At most 2 ingestions") as caught:
        await small.ingest(created[2].id)
    assert caught.value.retry_after == 30
    assert (await small.read(created[2].id)).status == "pending"


async def test_children_are_queued_all_or_none(small: Ingest) -> None:
    roomy = small.another(most=Most(sources=10, queued=2))
    roomy.runner._draining = True
    batch = await roomy.families.create_batch(a_batch(3), a_context())
    with pytest.raises(TooManyQueued):
        await roomy.families.ingest_children(IngestChildren(source_id=batch.parent.id), a_context())
    assert await roomy.count("work") == 0


async def test_what_was_rolled_back_does_not_count_against_anybody(small: Ingest) -> None:
    guard = Quotas(small.rows, Most(sources=1))
    with pytest.raises(RuntimeError):
        async with small.store.transaction(a_context().scope) as tx:
            await guard.check_sources(tx)
            raise RuntimeError
    async with small.store.transaction(a_context().scope) as tx:
        await guard.check_sources(tx)


async def test_counts_are_remembered_for_a_while_only(small: Ingest, monkeypatch: pytest.MonkeyPatch) -> None:
    counted = 0
    real = small.rows.active_count

    async def count(tx: quotas.Transaction) -> int:
        nonlocal counted
        counted += 1
        return await real(tx)

    monkeypatch.setattr(small.rows, "active_count", count)
    guard = Quotas(small.rows, Most(sources=100))
    async with small.store.transaction(a_context().scope) as tx:
        for _ in range(5):
            await guard.check_sources(tx)
        assert counted == 1
        monkeypatch.setattr(quotas, "FRESH", 0.0)
        await guard.check_sources(tx)
        assert counted == 2
