"""Several files in one form, and archives, on their way through the gateway."""

from typing import Any

import httpx
import pytest
from archives import a_zip
from gateway_world import World
from minirag_contracts.requests.ingest import UploadSource, UploadSourceBatch
from minirag_messaging import ObjectMissing

MEGABYTE = 1024 * 1024


@pytest.fixture
async def client(world: World) -> Any:
    async with await world.a_client() as client:
        yield client


async def upload(
    client: httpx.AsyncClient, files: list[tuple[str, bytes]], *, key: str | None = None, **fields: str
) -> httpx.Response:
    return await client.post(
        "/v1/sources/upload",
        files=[("file", file) for file in files],
        data=fields,
        headers={"Idempotency-Key": key} if key else {},
    )


async def test_several_files_are_one_command_and_leave_nothing_behind(
    world: World, client: httpx.AsyncClient
) -> None:
    bot_id = await world.a_bot(client)
    files = [("a.txt", b"a" * 3 * MEGABYTE), ("b.md", b"# B"), ("c.csv", b"x,y")]
    response = await upload(client, files, bot_profile_id=bot_id, description="All")
    assert response.status_code == 201, response.text
    assert response.json()["parent"]["name"] == "a.txt and 2 more"
    assert [child["name"] for child in response.json()["children"]] == ["a.txt", "b.md", "c.csv"]
    assert world.owners.uploads == dict(files)
    asked = world.owners.asked[-1][0]
    assert isinstance(asked, UploadSourceBatch)
    assert asked.description == "All"
    for name in asked.object_names:
        with pytest.raises(ObjectMissing):
            [piece async for piece in world.owners.bus.get_object(name)]


async def test_the_command_is_the_same_although_the_objects_differ(
    world: World, client: httpx.AsyncClient
) -> None:
    bot_id = await world.a_bot(client)
    for _ in range(2):
        await upload(client, [("a.txt", b"a"), ("b.txt", b"b")], key="k", bot_profile_id=bot_id, name="Two")
    (first, one), (again, two) = world.owners.asked[-2:]
    assert one.command_id == two.command_id
    assert first.object_names != again.object_names
    assert UploadSourceBatch.transport_fields == {"object_names"}
    assert first.model_dump(exclude={"object_names"}) == again.model_dump(exclude={"object_names"})


async def test_every_refused_file_is_named_and_none_is_taken(world: World, client: httpx.AsyncClient) -> None:
    bot_id = await world.a_bot(client)
    asked = len(world.owners.asked)
    files = [
        ("large.txt", b"x" * (10 * MEGABYTE + 1)),
        ("good.txt", b"good"),
        ("virus.exe", b"MZ"),
        ("empty.md", b""),
    ]
    response = await upload(client, files, bot_profile_id=bot_id)
    assert (response.status_code, response.json()["code"]) == (422, "file_too_large")
    large, virus, empty = response.json()["detail"].split("; ")
    assert large == "large.txt: File too large. Maximum size is 10 MB."
    assert virus.startswith("virus.exe: Unsupported file type: .exe. Allowed: .csv,")
    assert empty == "empty.md: The file is empty."
    response = await upload(
        client, [("good.txt", b"good"), ("a.zip", a_zip({"a.txt": "a"}))], bot_profile_id=bot_id
    )
    assert (response.status_code, response.json()["code"]) == (422, "archive_among_files")
    assert response.json()["detail"].startswith("a.zip: An archive")
    response = await upload(client, [(f"{n}.txt", b"x") for n in range(101)], bot_profile_id=bot_id)
    assert (response.status_code, response.json()["errors"][0]["type"]) == (422, "too_many_files")
    assert (await upload(client, [("a.txt", b"a"), ("b.txt", b"b")])).json()["errors"][0]["loc"] == [
        "body",
        "bot_profile_id",
    ]
    assert len(world.owners.asked) == asked
    assert (
        await upload(client, [("a.txt", b"a"), ("b.txt", b"b")], bot_profile_id=bot_id)
    ).status_code == 201


async def test_together_they_have_a_limit(world: World, client: httpx.AsyncClient) -> None:
    bot_id = await world.a_bot(client)
    response = await upload(
        client, [(f"{n}.txt", b"x" * 9 * MEGABYTE) for n in range(6)], bot_profile_id=bot_id
    )
    assert (response.status_code, response.json()["code"]) == (422, "file_too_large")


async def test_an_archive_may_be_larger_than_a_document(world: World, client: httpx.AsyncClient) -> None:
    bot_id = await world.a_bot(client)
    archive = a_zip({f"{n}.txt": b"x" * MEGABYTE for n in range(12)}, stored=True)
    response = await upload(client, [("folder.zip", archive)], bot_profile_id=bot_id)
    assert response.status_code == 201, response.text
    assert isinstance(world.owners.asked[-1][0], UploadSource)
    assert world.owners.uploads == {"folder.zip": archive}


async def test_an_archive_has_a_limit_too(start_world: Any) -> None:
    world = await start_world(archive_limit=MEGABYTE)
    async with await world.a_client() as client:
        bot_id = await world.a_bot(client)
        response = await upload(client, [("folder.zip", b"x" * (MEGABYTE + 1))], bot_profile_id=bot_id)
    assert (response.status_code, response.json()["detail"]) == (
        422,
        "File too large. Maximum size is 1 MB.",
    )
