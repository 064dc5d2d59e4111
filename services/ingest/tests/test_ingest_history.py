"""Ingestions as they are seen while they run, what became of them, and how they are cancelled and taken up again."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from contexts import a_context
from ingest_builders import TENANT, Ingest, a_source
from minirag_contracts.context import TenantScope
from minirag_contracts.ids import new_id
from minirag_contracts.requests.ingest import IngestChildren, IngestionRead, ListIngestions
from minirag_contracts.signals import Progress
from minirag_ingest.adapters.progress_rows import PostgresProgressRows
from minirag_ingest.errors import NothingToCancel, SourceNotFound
from minirag_ingest.ports import LastingFailure, Target, TemporaryFailure


class Gate:
    """Holds retrieval up at a step until it is opened."""

    def __init__(self, step: str) -> None:
        self.step = step
        self.reached = asyncio.Event()
        self.open = asyncio.Event()

    async def __call__(self, what: str, target: Target) -> None:
        if what == self.step:
            self.reached.set()
            await self.open.wait()


async def newest(ingest: Ingest, source_id: object) -> IngestionRead:
    return (
        await ingest.queries.ingestions(ListIngestions.model_validate({"source_id": source_id}), a_context())
    ).items[0]


async def held(
    ingest: Ingest, step: str, text: str = "The moon is made of rock."
) -> tuple[Gate, IngestionRead]:
    """A source whose ingestion has come as far as this step."""
    gate = Gate(step)
    ingest.index.before = gate
    created = await ingest.create(a_source(text))
    await ingest.ingest(created.id)
    async with asyncio.timeout(10):
        await gate.reached.wait()
    return gate, await newest(ingest, created.id)


async def test_a_running_ingestion_shows_its_stage_and_share(ingest: Ingest) -> None:
    gate, running = await held(ingest, "stage")
    assert (running.status, running.attempt, running.ended_at) == ("processing", 1, None)
    note = Progress(
        source_id=running.source_id,
        bot_id=new_id(),
        version=running.version,
        stage="indexing",
        done=30,
        total=120,
    )
    await PostgresProgressRows(ingest.store).note(TenantScope(TENANT), note)
    running = await newest(ingest, running.source_id)
    assert (running.stage, running.done, running.total, running.percent) == ("indexing", 30, 120, 25)
    gate.open.set()
    await ingest.ended(running.source_id)
    done = await newest(ingest, running.source_id)
    assert (done.status, done.percent, done.stage, done.chunk_count) == ("completed", 100, None, 1)
    assert await ingest.count("ingestion_progress") == 0


async def test_what_is_tried_again_says_when_and_why_and_what_is_parked_keeps_its_reason(
    ingest: Ingest,
) -> None:
    seen: list[IngestionRead] = []

    async def failing(what: str, target: Target) -> None:
        seen.append(await newest(ingest, target.source_id))
        raise TemporaryFailure("Indexing did not succeed.")

    ingest.index.before = failing
    created = await ingest.create(a_source())
    await ingest.ingest(created.id)
    waiting: list[IngestionRead] = []
    async with asyncio.timeout(10):
        while (found := await newest(ingest, created.id)).status != "failed":
            waiting += [found] if found.status == "retrying" else []
            await asyncio.sleep(0.005)
    assert waiting and waiting[0].error == "Indexing did not succeed."
    assert waiting[0].next_attempt_at is not None
    assert abs(waiting[0].next_attempt_at - datetime.now(UTC)) < timedelta(seconds=10)
    assert [one.attempt for one in seen] == [1, 2, 3]
    assert (found.attempt, found.code, found.error) == (
        3,
        "fetch_failed",
        "Indexing did not succeed. It was tried 3 times.",
    )
    assert (await ingest.read(created.id)).error_message == found.error


async def test_one_call_takes_up_what_failed_and_nothing_else(ingest: Ingest) -> None:
    parent = await ingest.create(a_source(None))
    children = [await ingest.create(a_source(f"Text {number}.", parent_id=parent.id)) for number in range(3)]

    async def second_fails(what: str, target: Target) -> None:
        if target.source_id == children[1].id:
            raise LastingFailure("index_refused", "No.")

    ingest.index.before = second_fails
    await ingest.families.ingest_children(IngestChildren(source_id=parent.id), a_context())
    for child in children:
        await ingest.ended(child.id)
    history = (await ingest.history(parent.id)).items
    assert {one.source_id: (one.status, one.error) for one in history} == {
        children[0].id: ("completed", None),
        children[1].id: ("failed", "No."),
        children[2].id: ("completed", None),
    }
    ingest.index.before = None
    again = IngestChildren(source_id=parent.id, only_failed=True)
    assert (await ingest.families.ingest_children(again, a_context())).enqueued == 1
    assert (await ingest.ended(children[1].id)).status == "ready"
    assert (await ingest.families.ingest_children(again, a_context())).enqueued == 0


async def test_a_cancelled_version_leaves_the_one_before(ingest: Ingest) -> None:
    done = await ingest.ingested(a_source("The moon is made of rock."))
    await ingest.update(done.id, content="The moon is made of cheese.")
    gate = Gate("stage")
    ingest.index.before = gate
    await ingest.ingest(done.id)
    await gate.reached.wait()
    assert (await ingest.cancel(done.id)).status == "ready"
    gate.open.set()
    await ingest.idle()
    assert (await ingest.events(done.id))[-1] == "source.ingest.cancelled"
    assert ingest.index.text(done.id) == "The moon is made of rock."
    assert (await newest(ingest, done.id)).status == "cancelled"
    assert await ingest.count("work") == 0
    await ingest.ingest(done.id)
    await ingest.ended(done.id)
    assert ingest.index.text(done.id) == "The moon is made of cheese."


async def test_what_is_becoming_visible_is_cancelled_no_more(ingest: Ingest) -> None:
    gate, running = await held(ingest, "activate")
    with pytest.raises(NothingToCancel):
        await ingest.cancel(running.source_id)
    gate.open.set()
    assert (await ingest.ended(running.source_id)).status == "ready"
    assert (await ingest.events(running.source_id))[-1] == "source.ingest.completed"


async def test_a_worker_whose_version_was_cancelled_makes_nothing_visible(ingest: Ingest) -> None:
    """It may be past every look at the source when the cancellation is committed: the lease decides."""
    gate, running = await held(ingest, "stage")
    await ingest.cancel(running.source_id)
    gate.open.set()
    await ingest.idle()
    assert ingest.index.activations == []


async def test_cancelling_a_parent_cancels_what_its_children_do(ingest: Ingest) -> None:
    parent = await ingest.create(a_source(None))
    children = [await ingest.create(a_source(f"Text {number}.", parent_id=parent.id)) for number in range(3)]
    gate = Gate("stage")
    ingest.index.before = gate
    await ingest.families.ingest_children(IngestChildren(source_id=parent.id), a_context())
    await gate.reached.wait()
    await ingest.cancel(parent.id)
    gate.open.set()
    await ingest.idle()
    assert {one.status for one in (await ingest.history(parent.id)).items} == {"cancelled"}
    assert [(await ingest.read(child.id)).status for child in children] == ["pending"] * 3


async def test_nothing_to_cancel_and_unknown_sources_are_said(ingest: Ingest) -> None:
    done = await ingest.ingested(a_source())
    with pytest.raises(NothingToCancel):
        await ingest.cancel(done.id)
    for asked in (ingest.cancel(new_id()), ingest.history(new_id()), ingest.listed_versions(new_id())):
        with pytest.raises(SourceNotFound):
            await asked


async def test_a_version_that_was_cancelled_leaves_neither_text_nor_note(ingest: Ingest) -> None:
    for end in (ingest.cancel, ingest.delete):
        gate, running = await held(ingest, "stage")
        note = Progress(
            source_id=running.source_id,
            bot_id=new_id(),
            version=running.version,
            stage="indexing",
            done=1,
            total=9,
        )
        rows = PostgresProgressRows(ingest.store)
        await rows.note(TenantScope(TENANT), note)
        assert await ingest.count("documents") == 1
        await end(running.source_id)
        await rows.note(TenantScope(TENANT), note)  # by a worker that was late to hear of it
        gate.open.set()
        await ingest.idle()
        assert await ingest.count("documents") == await ingest.count("ingestion_progress") == 0


async def test_time_in_the_queue_is_no_patience_that_a_server_has_used_up(ingest: Ingest) -> None:
    """The work is three hours old when it is claimed; what counts is since when somebody asks it to come back later."""
    asked: list[int] = []

    async def busy_twice(what: str, target: Target) -> None:
        if what == "stage" and len(asked) < 2:
            asked.append(target.version)
            async with ingest.database.system() as connection:
                await connection.execute("UPDATE work SET created_at = now() - interval '3 hours'")
            raise TemporaryFailure("Come back later.", timedelta(milliseconds=50))

    ingest.index.before = busy_twice
    created = await ingest.create(a_source())
    await ingest.ingest(created.id)
    assert (await ingest.ended(created.id)).status == "ready"
    assert asked == [1, 1]
