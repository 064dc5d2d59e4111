"""Commands and queries on a real database."""

import pytest
from contexts import a_context
from ingest_builders import BOT, TENANT, Ingest, a_source, a_url, an_upload
from minirag_contracts.context import TenantScope
from minirag_contracts.errors import CommandReused, InvalidRequest, Refusal
from minirag_contracts.ids import new_id
from minirag_contracts.requests.ingest import GetSource, IngestSource, ListSources
from minirag_ingest.errors import (
    BotUnknown,
    DiskFull,
    FileTooLarge,
    InvalidSource,
    InvalidUrl,
    NestedTooDeep,
    SourceBusy,
    SourceNotFound,
    UnsupportedFileType,
    UploadGone,
)


async def test_a_created_source_waits_until_its_ingestion_is_asked_for(idle_ingest: Ingest) -> None:
    created = await idle_ingest.create(a_source(config={"note": "kept"}, refresh_schedule="daily"))
    assert created == await idle_ingest.read(created.id)
    assert (created.status, created.document_count, created.chunk_count) == ("pending", 0, 0)
    assert (created.config, created.refresh_schedule) == ({"note": "kept"}, "daily")
    assert (created.bot_profile_id, created.tenant_id, created.is_active) == (BOT, TENANT, True)
    assert await idle_ingest.events(created.id) == ["source.created"]
    assert await idle_ingest.work("ingestion") == []


async def test_an_upload_is_kept_and_ingested_at_once(idle_ingest: Ingest) -> None:
    created = await idle_ingest.upload("Notes.TXT", b"Some notes.", description="d")
    assert (created.status, created.name, created.source_type) == ("processing", "Notes.TXT", "upload")
    assert created.config == {"original_filename": "Notes.TXT", "file_size": 11}
    assert await idle_ingest.events(created.id) == ["source.created", "source.ingest.requested"]
    assert await idle_ingest.count("work") == 1
    assert idle_ingest.transfer.objects == {}


async def test_one_ingestion_at_a_time(idle_ingest: Ingest) -> None:
    created = await idle_ingest.create(a_source())
    assert await idle_ingest.ingest(created.id) == 1
    with pytest.raises(SourceBusy, match="^Source is already being processed$") as refused:
        await idle_ingest.ingest(created.id)
    assert (refused.value.status, refused.value.code) == (409, "conflict")


async def test_a_repeated_command_has_one_effect(idle_ingest: Ingest) -> None:
    context = a_context(command_id=new_id())
    first = await idle_ingest.commands.create(a_source(), context)
    assert await idle_ingest.commands.create(a_source(), context) == first
    assert await idle_ingest.count("sources") == 1
    with pytest.raises(CommandReused):
        await idle_ingest.commands.create(a_source(name="Other"), context)


async def test_a_repeated_upload_needs_no_bytes_any_more(idle_ingest: Ingest) -> None:
    context = a_context(command_id=new_id())
    idle_ingest.transfer.objects["a.txt"] = b"x"
    first = await idle_ingest.uploads.upload(an_upload("a.txt", b"x"), context)
    again = await idle_ingest.uploads.upload(an_upload("a.txt", b"x", object_name="elsewhere"), context)
    assert again == first
    assert await idle_ingest.count("sources") == 1


async def test_a_repeated_ingestion_asks_for_one_version(idle_ingest: Ingest) -> None:
    created = await idle_ingest.create(a_source())
    context = a_context(command_id=new_id())
    request = IngestSource(source_id=created.id)
    assert await idle_ingest.commands.ingest(request, context) == await idle_ingest.commands.ingest(
        request, context
    )
    assert await idle_ingest.count("work") == 1


@pytest.mark.parametrize(
    ("request_", "refusal", "status", "sentence"),
    [
        (
            a_source(bot_id=new_id()),
            BotUnknown,
            422,
            "Bot profile not found or belongs to a different tenant",
        ),
        (a_source(parent_id=new_id()), SourceNotFound, 404, "Source not found"),
        (a_source("a\0b"), InvalidSource, 422, "NUL"),
        (a_source(None, source_type="upload"), InvalidSource, 422, "uploading"),
        (a_url("ftp://x.example/"), InvalidUrl, 422, "http"),
        (a_url("http://user:pw@x.example/"), InvalidUrl, 422, "password"),
        (a_source(None, source_type="url", config={"url": 7}), InvalidSource, 422, "string"),
    ],
)
async def test_a_source_of_the_wrong_form_is_refused_and_nothing_changes(
    idle_ingest: Ingest, request_: object, refusal: type[Refusal], status: int, sentence: str
) -> None:
    with pytest.raises(refusal) as refused:
        await idle_ingest.create(request_)  # type: ignore[arg-type]
    assert refused.value.status == status
    assert sentence in str(refused.value)
    assert await idle_ingest.count("events") == 0
    assert await idle_ingest.count("source_contents") == 0


async def test_another_tenants_bot_and_parent_are_unknown(idle_ingest: Ingest) -> None:
    other = new_id()
    idle_ingest.bots.known.add((other, BOT))
    parent = await idle_ingest.create(a_source())
    with pytest.raises(SourceNotFound):
        await idle_ingest.create(a_source(parent_id=parent.id), tenant_id=other)
    with pytest.raises(SourceNotFound):
        await idle_ingest.commands.ingest(IngestSource(source_id=parent.id), a_context(other))
    with pytest.raises(SourceNotFound):
        await idle_ingest.queries.get(GetSource(source_id=parent.id), a_context(other))
    assert (await idle_ingest.queries.list(ListSources(), a_context(other))).items == []
    with pytest.raises(BotUnknown):
        await idle_ingest.create(a_source(), tenant_id=new_id())


async def test_children_nest_one_level_and_are_counted(idle_ingest: Ingest) -> None:
    parent = await idle_ingest.create(a_source())
    child = await idle_ingest.create(a_source(parent_id=parent.id))
    assert child.parent_id == parent.id
    assert (await idle_ingest.read(parent.id)).children_count == 1
    with pytest.raises(NestedTooDeep, match="^Nesting beyond one level is not allowed$"):
        await idle_ingest.create(a_source(parent_id=child.id))
    listed = await idle_ingest.queries.list(ListSources(), a_context())
    assert [item.id for item in listed.items] == [parent.id]


async def test_an_upload_is_checked_in_the_order_that_clients_know(idle_ingest: Ingest) -> None:
    big = 10_485_761
    with pytest.raises(UnsupportedFileType):
        await idle_ingest.uploads.upload(an_upload("a.exe", b"", size=big, bot_id=new_id()), a_context())
    with pytest.raises(FileTooLarge):
        await idle_ingest.uploads.upload(an_upload("a.txt", b"", size=big, bot_id=new_id()), a_context())
    with pytest.raises(BotUnknown):
        await idle_ingest.uploads.upload(
            an_upload("a.txt", b"", bot_id=new_id(), parent_id=new_id()), a_context()
        )
    with pytest.raises(SourceNotFound):
        await idle_ingest.uploads.upload(an_upload("a.txt", b"lost", parent_id=new_id()), a_context())


async def test_an_upload_that_arrived_otherwise_than_announced_is_refused(idle_ingest: Ingest) -> None:
    with pytest.raises(UploadGone):
        await idle_ingest.uploads.upload(an_upload("a.txt", b"lost"), a_context())
    with pytest.raises(UploadGone):
        await idle_ingest.upload("a.txt", b"abc", sha256="0" * 64)
    with pytest.raises(UploadGone):
        await idle_ingest.upload("a.txt", b"abc", size=2)
    idle_ingest.transfer.objects["a.txt"] = b"x" * 10_485_761
    with pytest.raises(FileTooLarge):
        await idle_ingest.uploads.upload(an_upload("a.txt", b"x"), a_context())
    assert await idle_ingest.count("events") == 0


async def test_a_nearly_full_disk_takes_in_nothing_new(idle_ingest: Ingest) -> None:
    created = await idle_ingest.create(a_source())
    idle_ingest.disk.room = 1024**3 - 1
    for attempt in (
        idle_ingest.ingest(created.id),
        idle_ingest.upload("a.txt", b"a"),
        idle_ingest.create(a_source()),
    ):
        with pytest.raises(DiskFull) as refused:
            await attempt
        assert refused.value.status == 507
    assert (await idle_ingest.read(created.id)).status == "pending"


async def test_the_list_is_paged_newest_first_and_by_bot(idle_ingest: Ingest) -> None:
    other_bot = new_id()
    idle_ingest.bots.known.add((TENANT, other_bot))
    made = [(await idle_ingest.create(a_source(name=f"s{number}"))).id for number in range(5)]
    other = await idle_ingest.create(a_source(bot_id=other_bot))
    everything = await idle_ingest.queries.list(ListSources(), a_context())
    assert [item.id for item in everything.items] == [other.id, *reversed(made)]
    assert everything.next is None
    pages, cursor = [], None
    while True:
        page = await idle_ingest.queries.list(ListSources(bot_id=BOT, limit=2, cursor=cursor), a_context())
        pages.append([item.id for item in page.items])
        if (cursor := page.next) is None:
            break
    assert pages == [[made[4], made[3]], [made[2], made[1]], [made[0]]]
    for nonsense in ("nonsense", "AAAA", "ey=="):
        with pytest.raises(InvalidRequest):
            await idle_ingest.queries.list(ListSources(cursor=nonsense), a_context())


async def test_events_hold_hashes_and_no_content(idle_ingest: Ingest) -> None:
    await idle_ingest.create(a_source("the secret text", config={"token": "s3cret"}))
    await idle_ingest.create(a_url("https://x.example/page?key=s3cret"))
    async with idle_ingest.database.tenant(TenantScope(TENANT)) as connection:
        rows = await connection.fetch("SELECT data::text FROM events")
    assert not any("s3cret" in row["data"] or "secret text" in row["data"] for row in rows)
    listed = (await idle_ingest.queries.list(ListSources(), a_context())).items
    assert [item.config for item in listed] == [
        {"url": "https://x.example/page?key=s3cret"},
        {"token": "s3cret"},
    ]
