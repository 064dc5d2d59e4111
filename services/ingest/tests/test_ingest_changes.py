"""Sources that are changed, go and come back: on a real database, with whoever dies or comes late."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from contexts import a_context
from ingest_builders import BOT, TENANT, Ingest, a_source, a_url
from minirag_contracts.context import TenantScope
from minirag_contracts.errors import Refusal, Unavailable
from minirag_contracts.events.ingest import SourceUpdated
from minirag_contracts.ids import new_id
from minirag_contracts.requests.ingest import (
    DeactivateSource,
    IngestChildren,
    ListSources,
    SourceChanges,
    UpdateSource,
)
from minirag_eventstore import Database, log
from minirag_eventstore.rebuild import rebuild_own
from minirag_ingest.domain import source
from minirag_ingest.errors import (
    DiskFull,
    InvalidSource,
    InvalidUrl,
    ParentInactive,
    SourceInactive,
    SourceNotFound,
)
from minirag_ingest.ports import Target
from minirag_service.sealing import salted_hash

GONE = ["source.ingest.cancelled", "source.deactivated"]
READY = ["source.created", "source.ingest.requested", "source.ingest.completed"]


async def test_a_patch_changes_what_it_names_and_nothing_else(idle_ingest: Ingest) -> None:
    created = await idle_ingest.create(a_source(config={"note": "a"}, refresh_schedule="daily"))
    renamed = await idle_ingest.update(created.id, name="New name", description="Why")
    expected = created.model_copy(
        update={"name": "New name", "description": "Why", "updated_at": renamed.updated_at}
    )
    assert renamed == expected == await idle_ingest.read(created.id)
    assert renamed.updated_at > created.updated_at
    cleared = await idle_ingest.update(created.id, refresh_schedule=None, config={"other": 1})
    assert (cleared.refresh_schedule, cleared.config) == (None, {"other": 1})
    assert await idle_ingest.events(created.id) == ["source.created", "source.updated", "source.updated"]
    assert await idle_ingest.count("work") == 0


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"name": "Moon facts", "description": "", "refresh_schedule": None, "is_active": True},
        {"config": {"key": "s3cret"}},
        {"content": "The moon is made of rock.", "config": {"key": "s3cret"}},
    ],
)
async def test_a_patch_that_changes_nothing_is_no_event(idle_ingest: Ingest, changes: dict[str, Any]) -> None:
    created = await idle_ingest.create(a_source(config={"key": "s3cret"}))
    assert await idle_ingest.update(created.id, **changes) == created
    assert await idle_ingest.events(created.id) == ["source.created"]


async def test_new_content_gets_a_new_salt_and_answers_after_the_next_ingestion(ingest: Ingest) -> None:
    done = await ingest.ingested(a_source("Old words."))
    async with ingest.store.transaction(TenantScope(TENANT)) as tx:
        old_salt = await tx.connection.fetchval("SELECT salt FROM source_contents")
    await ingest.update(done.id, content="New s3cret words.", config={"token": "s3cret"})
    assert ingest.index.text(done.id) == "Old words."
    async with ingest.store.transaction(TenantScope(TENANT)) as tx:
        salt = await tx.connection.fetchval("SELECT salt FROM source_contents")
        events = await log.load(tx.connection, "ingest", source.stream_of(done.id))
    last = events[-1].payload
    assert isinstance(last, SourceUpdated)
    assert salt != old_salt
    assert last.content_hash == salted_hash("New s3cret words.", salt)
    assert last.config_hash == salted_hash('{"token": "s3cret"}', salt)
    assert not any("s3cret" in str(event.data) for event in events)
    await ingest.ingest(done.id)
    await ingest.ended(done.id)
    assert ingest.index.text(done.id) == "New s3cret words."


async def test_only_the_secret_part_of_a_url_changes_and_that_is_an_event_too(idle_ingest: Ingest) -> None:
    created = await idle_ingest.create(a_url("https://x.example/a?key=one"))
    changed = await idle_ingest.update(created.id, config={"url": "https://x.example/a?key=two"})
    assert changed.config == {"url": "https://x.example/a?key=two"}
    assert await idle_ingest.events(created.id) == ["source.created", "source.updated"]


@pytest.mark.parametrize(
    ("made", "changes", "refusal"),
    [
        (a_source(), {"content": "a\0b"}, InvalidSource),
        (a_source(), {"name": " "}, InvalidSource),
        (a_source(), {"config": {"a": "\0"}}, InvalidSource),
        (a_url("https://x.example/"), {"config": {"url": "ftp://x.example/"}}, InvalidUrl),
        (a_url("https://x.example/"), {"config": {"url": 7}}, InvalidSource),
    ],
)
async def test_a_change_to_the_wrong_form_is_refused_and_nothing_changes(
    idle_ingest: Ingest, made: Any, changes: dict[str, Any], refusal: type[Refusal]
) -> None:
    created = await idle_ingest.create(made)
    with pytest.raises(refusal):
        await idle_ingest.update(created.id, **changes)
    assert await idle_ingest.read(created.id) == created
    assert await idle_ingest.events(created.id) == ["source.created"]


async def test_the_file_of_an_upload_is_what_it_was(ingest: Ingest) -> None:
    created = await ingest.upload("notes.txt", b"Some notes.")
    await ingest.ended(created.id)
    changed = await ingest.update(created.id, config={"tag": 1, "original_filename": "x.pdf"})
    assert changed.config == {"tag": 1, "original_filename": "notes.txt", "file_size": 11}
    with pytest.raises(InvalidSource):
        await ingest.update(created.id, content="text")
    await ingest.ingest(created.id)
    assert (await ingest.ended(created.id)).status == "ready"


async def test_a_deleted_source_is_hidden_when_the_reply_comes(ingest: Ingest) -> None:
    done = await ingest.ingested(a_source())
    await ingest.delete(done.id)
    assert ingest.index.active == {}
    gone = await ingest.read(done.id)
    assert (gone.is_active, gone.status, gone.chunk_count) == (False, "ready", done.chunk_count)
    assert (await ingest.queries.list(ListSources(), a_context())).items == []
    await ingest.delete(done.id)
    assert await ingest.events(done.id) == [*READY, "source.deactivated"]
    assert await ingest.count("work") == 0
    with pytest.raises(SourceInactive, match="^Source is deactivated$"):
        await ingest.ingest(done.id)


async def test_a_patch_can_deactivate_and_change_at_once(ingest: Ingest) -> None:
    done = await ingest.ingested(a_source())
    gone = await ingest.update(done.id, is_active=False, name="Gone")
    assert (gone.is_active, gone.name) == (False, "Gone")
    assert ingest.index.active == {}
    assert await ingest.events(done.id) == [*READY, "source.updated", "source.deactivated"]


async def test_what_comes_back_is_ingested_and_answers_again(ingest: Ingest) -> None:
    done = await ingest.ingested(a_source())
    await ingest.delete(done.id)
    back = await ingest.update(done.id, is_active=True)
    assert (back.is_active, back.status) == (True, "processing")
    assert (await ingest.ended(done.id)).status == "ready"
    assert ingest.index.active == {done.id: 2}
    assert (await ingest.events(done.id))[3:] == [
        "source.deactivated", "source.activated", "source.ingest.requested", "source.ingest.completed",
    ]  # fmt: skip


async def test_a_container_comes_back_without_an_ingestion(idle_ingest: Ingest) -> None:
    created = await idle_ingest.create(a_source(None, source_type="url"))
    await idle_ingest.delete(created.id)
    assert (await idle_ingest.update(created.id, is_active=True)).status == "pending"
    assert await idle_ingest.count("work") == 0


async def test_children_go_and_come_back_with_their_parent(ingest: Ingest) -> None:
    parent = await ingest.create(a_source(None, source_type="url"))
    stays, goes, gone_before = [
        await ingest.create(a_source(f"Child {n}.", parent_id=parent.id)) for n in range(3)
    ]
    await ingest.families.ingest_children(IngestChildren(source_id=parent.id), a_context())
    for child in (stays, goes, gone_before):
        assert (await ingest.ended(child.id)).status == "ready"
    await ingest.delete(gone_before.id)
    assert set(ingest.index.active) == {stays.id, goes.id}
    await ingest.delete(parent.id)
    assert ingest.index.active == {}
    assert [(await ingest.read(child.id)).is_active for child in (stays, goes)] == [False, False]
    with pytest.raises(ParentInactive):
        await ingest.update(stays.id, is_active=True)
    with pytest.raises(ParentInactive):
        await ingest.create(a_source(parent_id=parent.id))
    await ingest.update(parent.id, is_active=True)
    for child in (stays, goes):
        assert (await ingest.ended(child.id)).status == "ready"
    assert set(ingest.index.active) == {stays.id, goes.id}
    assert not (await ingest.read(gone_before.id)).is_active


async def test_an_ingestion_that_runs_is_cancelled_and_never_becomes_visible(
    make_database: Callable[..., Awaitable[Database]],
) -> None:
    ingest = Ingest(await make_database("ingest"))
    reached, go_on, renewing = asyncio.Event(), asyncio.Event(), asyncio.Lock()
    renew = ingest.runner._renew

    async def in_turn() -> None:
        async with renewing:
            await renew()

    ingest.runner._renew = in_turn  # type: ignore[method-assign]

    async def asleep(step: str, target: Target) -> None:
        if step == "activate":
            reached.set()
            await go_on.wait()

    ingest.index.before = asleep
    async with ingest.working():
        created = await ingest.create(a_source())
        await ingest.ingest(created.id)
        await asyncio.wait_for(reached.wait(), 30)
        async with renewing:  # which would hold the work's row, so that it stays
            await ingest.delete(created.id)
        gone = await ingest.read(created.id)
        assert (gone.status, gone.is_active) == ("pending", False)
        assert await ingest.count("work") == 0
        async with asyncio.timeout(30):
            while ingest.runner.running:
                await asyncio.sleep(0.02)
        go_on.set()
        await asyncio.sleep(0.1)
    assert ingest.index.active == {}
    assert await ingest.events(created.id) == ["source.created", "source.ingest.requested", *GONE]
    await ingest.close()


async def test_an_activation_that_was_faster_is_hidden_again(ingest: Ingest) -> None:
    waiting, go_on = asyncio.Event(), asyncio.Event()

    async def slow_hiding(step: str, target: Target) -> None:
        if step == "hide" and not waiting.is_set():
            waiting.set()
            await go_on.wait()

    done = await ingest.ingested(a_source())
    ingest.index.before = slow_hiding
    deletion = asyncio.create_task(ingest.delete(done.id))
    await asyncio.wait_for(waiting.wait(), 5)
    assert not deletion.done()
    await ingest.update(done.id, is_active=True)
    assert (await ingest.ended(done.id)).status == "ready"
    go_on.set()
    await deletion
    assert ingest.index.active == {done.id: 2}


async def test_a_process_that_dies_before_it_asked_retrieval_is_followed_by_the_work(
    make_database: Callable[..., Awaitable[Database]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("minirag_ingest.commands.hiding.HEAD_START", __import__("datetime").timedelta(0))
    first = Ingest(await make_database("ingest"))
    async with first.working():
        done = await first.ingested(a_source())

    async def death(step: str, target: Target) -> None:
        raise asyncio.CancelledError

    first.index.before = death
    with pytest.raises(asyncio.CancelledError):
        await first.delete(done.id)
    assert first.index.active == {done.id: 1}
    assert not (await first.read(done.id)).is_active
    first.index.before = None
    async with first.another().working() as second, asyncio.timeout(5):
        while first.index.active:
            await asyncio.sleep(0.02)
        while await second.count("work"):
            await asyncio.sleep(0.02)
    await first.close()


async def test_a_retrieval_that_is_away_is_told_and_the_work_goes_on(
    ingest: Ingest, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HEAD_START", "AGAIN"):
        seconds = __import__("datetime").timedelta(milliseconds=50)
        monkeypatch.setattr(f"minirag_ingest.commands.hiding.{name}", seconds)
    failures = iter(range(4))

    async def away(step: str, target: Target) -> None:
        if step == "hide" and next(failures, None) is not None:
            raise Unavailable

    done = await ingest.ingested(a_source())
    ingest.index.before = away
    with pytest.raises(Unavailable):
        await ingest.delete(done.id)
    async with asyncio.timeout(5):
        while ingest.index.active:
            await asyncio.sleep(0.02)
    assert await ingest.count("dead_letters") == 0


async def test_a_repeated_delete_asks_retrieval_again(ingest: Ingest) -> None:
    done = await ingest.ingested(a_source())
    asked: list[Target] = []

    async def note(step: str, target: Target) -> None:
        asked.append(target)

    ingest.index.before = note
    context = a_context(command_id=new_id())
    for _ in range(2):
        await ingest.changes.deactivate(DeactivateSource(source_id=done.id), context)
    assert asked == [Target(BOT, done.id, 1)] * 2
    assert await ingest.events(done.id) == [*READY, "source.deactivated"]


async def test_a_repeated_patch_has_one_effect(ingest: Ingest) -> None:
    done = await ingest.ingested(a_source())
    context = a_context(command_id=new_id())
    request = UpdateSource(source_id=done.id, changes=SourceChanges(name="Once", is_active=False))
    first = await ingest.changes.update(request, context)
    assert await ingest.changes.update(request, context) == first
    assert (await ingest.events(done.id))[3:] == ["source.updated", "source.deactivated"]


async def test_deletes_changes_and_ingestions_at_once_end_as_one_of_them_said(ingest: Ingest) -> None:
    parent = await ingest.create(a_source(None, source_type="url"))
    children = [await ingest.create(a_source(f"Child {n}.", parent_id=parent.id)) for n in range(6)]
    await ingest.families.ingest_children(IngestChildren(source_id=parent.id), a_context())
    await asyncio.gather(
        *(ingest.update(child.id, name="renamed") for child in children),
        ingest.delete(parent.id),
        ingest.delete(parent.id),
        *(ingest.delete(child.id) for child in children[:2]),
        ingest.families.ingest_children(IngestChildren(source_id=parent.id), a_context()),
    )
    await ingest.delete(parent.id)
    assert ingest.index.active == {}
    async with asyncio.timeout(10):
        while ingest.runner.running:
            await asyncio.sleep(0.02)
    assert ingest.index.active == {}
    for child in children:
        found = await ingest.read(child.id)
        assert (found.is_active, found.name, found.status == "processing") == (False, "renamed", False)
        assert (await ingest.events(child.id)).count("source.deactivated") == 1


async def test_a_change_beside_an_ingestion_costs_no_attempt(ingest: Ingest) -> None:
    created = await ingest.create(a_source("Words. " * 2000))
    await ingest.ingest(created.id)
    number = 0
    while (await ingest.read(created.id)).status == "processing":
        number += 1
        await ingest.update(created.id, name=f"Name {number}")
    assert (await ingest.read(created.id)).status == "ready"
    assert len(ingest.index.activations) == 1


async def test_another_tenants_source_is_unknown(idle_ingest: Ingest) -> None:
    created = await idle_ingest.create(a_source())
    stranger = a_context(new_id())
    update = UpdateSource(source_id=created.id, changes=SourceChanges(name="x"))
    gone = UpdateSource(source_id=created.id, changes=SourceChanges(is_active=False, content="x"))
    for attempt in (
        idle_ingest.changes.update(update, stranger),
        idle_ingest.changes.update(gone, stranger),
        idle_ingest.changes.deactivate(DeactivateSource(source_id=created.id), stranger),
        idle_ingest.families.ingest_children(IngestChildren(source_id=created.id), stranger),
    ):
        with pytest.raises(SourceNotFound):
            await attempt
    assert await idle_ingest.read(created.id) == created


async def test_a_full_disk_brings_nothing_back(idle_ingest: Ingest) -> None:
    created = await idle_ingest.create(a_source())
    await idle_ingest.delete(created.id)
    idle_ingest.disk.room = 0
    with pytest.raises(DiskFull):
        await idle_ingest.update(created.id, is_active=True)
    assert not (await idle_ingest.read(created.id)).is_active


async def test_sources_that_lived_equal_their_rebuild(ingest: Ingest) -> None:
    done = await ingest.ingested(a_source())
    await ingest.update(done.id, name="Renamed", config={"a": 1}, refresh_schedule="weekly")
    parent = await ingest.create(a_source(None, source_type="url"))
    child = await ingest.create(a_source(parent_id=parent.id))
    await ingest.ingest(child.id)
    await ingest.delete(parent.id)
    await ingest.delete(done.id)
    await ingest.update(done.id, is_active=True)
    await ingest.ended(done.id)
    [projection] = [one for one in ingest.store.projections if one.name == "sources"]
    report = await rebuild_own(ingest.database, "ingest", projection)
    assert (report.differences, report.rows) == ([], 3)
