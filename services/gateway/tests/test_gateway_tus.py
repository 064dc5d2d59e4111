"""Uploads that go on after a break: the protocol, its abuse, and what is made in the end."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from archives import a_zip
from gateway_world import World, a_source
from minirag_contracts.context import Context
from minirag_contracts.errors import Unavailable
from minirag_contracts.requests.ingest import SourceRead, UploadSource
from minirag_messaging import ObjectMissing
from tus_client import (
    BYTES,
    MEGABYTE,
    TUS,
    Gone,
    answering,
    begun,
    made,
    offset,
    poured,
    rows,
    send,
    start,
    value,
)


@pytest.fixture
async def client(world: World) -> AsyncIterator[httpx.AsyncClient]:
    async with await world.a_client() as client:
        yield client


async def test_what_is_spoken_is_told_without_a_credential(world: World) -> None:
    response = await world.client.options("/v1/uploads")
    assert response.status_code == 204
    assert {name: response.headers[name] for name in ("tus-version", "tus-extension", "tus-max-size")} == {
        "tus-version": "1.0.0",
        "tus-extension": "creation,expiration,termination",
        "tus-max-size": str(100 * MEGABYTE),
    }


async def test_a_file_in_parts_becomes_a_source(world: World, client: httpx.AsyncClient) -> None:
    bot_id = await world.a_bot(client)
    content = bytes(range(256)) * 16_000  # four megabytes
    parent = str(uuid4())
    world.owners.get_source = a_known_source  # type: ignore[method-assign]
    await world.owners.stop()
    await world.owners.start()
    response = await start(
        client, len(content), bot_profile_id=bot_id, name="Größe", description="d", filetype="text/plain"
    )
    assert response.status_code == 201, response.text
    path, told = response.headers["location"], response.headers
    assert (told["tus-resumable"], told["upload-offset"]) == ("1.0.0", "0")
    assert told["upload-expires"].endswith("GMT")
    left = parsedate_to_datetime(told["upload-expires"]) - datetime.now(UTC)
    assert timedelta(hours=23) < left <= timedelta(days=1)
    assert response.json()["id"] == path.rsplit("/", 1)[1]
    at = 0
    for size in (1, 1_500_000, MEGABYTE):
        response = await send(client, path, at, content[at : at + size])
        at += size
        assert (response.status_code, response.headers["upload-offset"]) == (204, str(at)), response.text
        assert "x-minirag-source-id" not in response.headers
    head = await client.head(path, headers=TUS)
    assert (head.headers["upload-offset"], head.headers["upload-length"]) == (str(at), str(len(content)))
    assert head.headers["cache-control"] == "no-store"
    assert "name R3LDtsOfZQ==" in head.headers["upload-metadata"]
    assert (await client.get(path)).json()["status"] == "open"
    assert made(world) == []
    response = await send(client, path, at, content[at:])
    assert response.status_code == 204, response.text
    source_id = response.headers["x-minirag-source-id"]
    [asked] = made(world)
    assert (asked.name, asked.description, asked.filename, asked.size) == (
        "Größe",
        "d",
        "notes.txt",
        len(content),
    )
    assert (str(asked.bot_id), asked.parent_id) == (bot_id, None)
    assert world.owners.uploads == {"notes.txt": content}
    read = (await client.get(path)).json()
    assert (read["status"], read["source_id"], read["offset"]) == ("ready", source_id, len(content))
    assert (await client.head(path, headers=TUS)).headers["x-minirag-source-id"] == source_id
    assert await rows(world, client, "upload_pieces") == await rows(world, client, "work") == 0
    path = await begun(world, client, 1, bot_profile_id=bot_id, parent_id=parent)
    await send(client, path, 0, b"x")
    assert str(made(world)[-1].parent_id) == parent


async def a_known_source(request: Any, context: Context) -> SourceRead:
    return a_source(context.scope.tenant_id, id=request.source_id)


async def test_an_archive_may_be_larger(world: World, client: httpx.AsyncClient) -> None:
    archive = a_zip({f"{n}.txt": b"x" * MEGABYTE for n in range(12)}, stored=True)
    path = await begun(world, client, len(archive), filename="folder.zip")
    assert (await send(client, path, 0, archive)).status_code == 204
    assert world.owners.uploads == {"folder.zip": archive}
    response = await start(
        client, 10, filename="a.zip", bot_profile_id=await world.a_bot(client), parent_id=str(uuid4())
    )
    assert (response.status_code, response.json()["code"]) == (422, "nested_too_deep")


async def test_of_two_at_the_same_offset_one_wins(world: World, client: httpx.AsyncClient) -> None:
    content = b"x" * 6 * MEGABYTE
    path = await begun(world, client, len(content))
    answers = await asyncio.gather(*(send(client, path, 0, content) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [204, 409, 409, 409]
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"upload_offset"}
    assert len(made(world)) == 1
    assert world.owners.uploads == {"notes.txt": content}


async def test_a_line_that_breaks_keeps_what_has_come(world: World, client: httpx.AsyncClient) -> None:
    content = bytes(range(256)) * 12_000
    path = await begun(world, client, len(content))
    _, writer = await poured(world, client, path, content[:2_500_000], len(content))
    async with asyncio.timeout(10):
        while await used(client, "upload-bytes") < 2_500_000:
            await asyncio.sleep(0.05)
    writer.close()
    async with asyncio.timeout(10):
        while (at := await offset(client, path)) < 2_500_000:
            await asyncio.sleep(0.05)
    assert at == 2_500_000
    assert (await send(client, path, at, content[at:])).status_code == 204
    assert world.owners.uploads == {"notes.txt": content}


async def used(client: httpx.AsyncClient, limit: str) -> int:
    """How much of a limit of the tenant is used."""
    [found] = [each for each in (await client.get("/v1/limits")).json() if each["name"] == limit]
    return int(found["used"])


async def test_abuse_is_refused_and_costs_nothing(world: World, client: httpx.AsyncClient) -> None:
    bot_id = await world.a_bot(client)
    path = await begun(world, client, 10, bot_profile_id=bot_id)
    async with await world.a_client() as stranger:
        for method in ("HEAD", "GET", "PATCH", "DELETE"):
            response = await stranger.request(method, path, headers=BYTES | {"Upload-Offset": "0"})
            assert response.status_code == 404, method
            assert response.headers["tus-resumable"] == "1.0.0"
    for at, data, status, code in (
        (1, b"x", 409, "upload_offset"),
        (2**70, b"x", 409, "upload_offset"),
        (0, b"x" * 11, 413, "body_too_large"),
        (0, chunked(b"x" * 11), 413, "body_too_large"),
        (0, chunked(*[b"x" * MEGABYTE] * 3), 413, "body_too_large"),
    ):
        response = await send(client, path, at, data)
        assert (response.status_code, response.json()["code"]) == (status, code), response.text
    for headers, status in (
        ({"Tus-Resumable": "0.2.2"}, 412),
        ({"Tus-Resumable": ""}, 412),
        ({"Content-Type": "text/plain"}, 415),
        ({"Upload-Offset": "-1"}, 422),
        ({"Upload-Offset": "one"}, 422),
    ):
        response = await send(client, path, 0, b"x", **headers)
        assert response.status_code == status, (headers, response.text)
        assert (response.headers.get("tus-version") == "1.0.0") == (status == 412)
    assert await offset(client, path) == 0
    assert (await send(client, path, 0, b"")).status_code == 204
    for length, fields, status, code in (
        (10 * MEGABYTE + 1, {}, 413, "body_too_large"),
        (100 * MEGABYTE + 1, {"filename": "a.zip"}, 413, "body_too_large"),
        (2**80, {"filename": "a.zip"}, 413, "body_too_large"),
        (0, {}, 422, "empty_file"),
        (-1, {}, 422, "validation_error"),
        (1, {"filename": "a.exe"}, 422, "unsupported_file_type"),
        (1, {"filename": ""}, 422, "unsupported_file_type"),
        (1, {"bot_profile_id": "nobody"}, 422, "invalid_metadata"),
        (1, {"bot_profile_id": ""}, 422, "invalid_metadata"),
        (1, {"name": "x" * 256}, 422, "invalid_metadata"),
        (1, {"name": "a\0b"}, 422, "invalid_metadata"),
        (1, {"bot_profile_id": str(uuid4())}, 422, "bot_not_found"),
        (1, {"parent_id": str(uuid4())}, 404, "not_found"),
    ):
        response = await start(client, length, **({"bot_profile_id": bot_id} | fields))
        assert (response.status_code, response.json()["code"]) == (status, code), (fields, response.text)
    for bad in ("filename ###", "filename YQ==,filename YQ==", "filename /w==", ""):
        headers = {"Upload-Metadata": bad}
        response = await start(client, 1, headers=headers)
        assert response.status_code == 422, (bad, response.text)
    missing = await client.post("/v1/uploads", headers=TUS)
    assert missing.status_code == 422
    assert await rows(world, client, "uploads") == 1
    assert await rows(world, client, "upload_pieces") == 0


async def chunked(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def test_uploads_are_listed_for_their_tenant_alone(world: World, client: httpx.AsyncClient) -> None:
    paths = [await begun(world, client, 10) for _ in range(5)]
    await send(client, paths[0], 0, b"0123456789")
    url: str | None = "/v1/uploads?limit=2"
    seen: list[dict[str, Any]] = []
    while url:
        response = await client.get(url)
        assert response.status_code == 200, response.text
        seen += response.json()
        url = response.links.get("next", {}).get("url")
    assert [f"/v1/uploads/{one['id']}" for one in seen] == paths[::-1]
    assert [one["status"] for one in seen] == ["open"] * 4 + ["ready"]
    assert (await client.get("/v1/uploads?cursor=nonsense")).status_code == 422
    async with await world.a_client() as stranger:
        assert (await stranger.get("/v1/uploads")).json() == []


async def test_so_many_may_be_unfinished_and_ended_ones_make_room(start_world: Any) -> None:
    world = await start_world(resumable_uploads=3)
    async with await world.a_client() as client:
        bot_id = await world.a_bot(client)
        answers = await asyncio.gather(*(start(client, 10, bot_profile_id=bot_id) for _ in range(8)))
        assert sorted(answer.status_code for answer in answers) == [201] * 3 + [409] * 5
        paths = [answer.headers["location"] for answer in answers if answer.status_code == 201]
        await send(client, paths[0], 0, b"part")
        assert (await client.delete(paths[0], headers=TUS)).status_code == 204
        assert (await client.head(paths[0], headers=TUS)).status_code == 404
        assert await rows(world, client, "upload_pieces") == 0
        assert (await start(client, 10, bot_profile_id=bot_id)).status_code == 201
        assert (await start(client, 10, bot_profile_id=bot_id)).status_code == 409
        await send(client, paths[1], 0, b"0123456789")  # a finished one counts no more
        assert (await start(client, 10, bot_profile_id=bot_id)).status_code == 201
        async with await world.a_client() as other:
            assert (await start(other, 10, bot_profile_id=await world.a_bot(other))).status_code == 201


async def test_an_expired_upload_is_gone_and_swept(world: World, client: httpx.AsyncClient) -> None:
    path = await begun(world, client, 10)
    assert (await send(client, path, 0, b"01234")).status_code == 204
    await value(world, client, "UPDATE uploads SET expires_at = now()")
    assert (await client.head(path, headers=TUS)).status_code == 404
    assert (await send(client, path, 5, b"56789")).status_code == 404
    assert await rows(world, client, "upload_pieces") == 1
    for sweep in world.runtime.sweeps:
        await sweep()
    assert await rows(world, client, "upload_pieces") == await rows(world, client, "uploads") == 0
    assert made(world) == []


async def test_uploaded_bytes_are_limited_and_what_came_before_is_kept(start_world: Any) -> None:
    world = await start_world(limit_upload_bytes=2 * MEGABYTE)
    async with await world.a_client() as client:
        path = await begun(world, client, 5 * MEGABYTE)
        response = await send(client, path, 0, b"x" * 5 * MEGABYTE)
        assert (response.status_code, response.json()["code"]) == (429, "rate_limited")
        assert int(response.headers["retry-after"]) > 0
        assert 0 < await offset(client, path) <= 2 * MEGABYTE


async def test_a_repeated_beginning_is_one_upload(world: World, client: httpx.AsyncClient) -> None:
    bot_id, key = await world.a_bot(client), {"Idempotency-Key": "once"}
    answers = [await start(client, 10, bot_profile_id=bot_id, headers=key) for _ in range(2)]
    assert answers[0].headers["location"] == answers[1].headers["location"]
    other = await start(client, 11, bot_profile_id=bot_id, headers=key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert await rows(world, client, "uploads") == 1
    assert (await client.delete(answers[0].headers["location"], headers=TUS)).status_code == 204
    again = await start(client, 10, bot_profile_id=bot_id, headers=key)
    assert (again.status_code, again.json()) == (201, answers[0].json())
    assert again.headers["location"] == answers[0].headers["location"]
    assert await rows(world, client, "uploads") == 0


async def test_what_ingest_refuses_in_the_end_is_told(world: World, client: httpx.AsyncClient) -> None:
    async def refuse(request: UploadSource, context: Context) -> SourceRead:
        raise Gone

    path = await begun(world, client, 4)
    await answering(world, refuse)
    response = await send(client, path, 0, b"last")
    assert (response.status_code, response.json()["code"]) == (422, "bot_not_found")
    read = (await client.get(path)).json()
    assert (read["status"], read["code"], read["source_id"]) == ("failed", "bot_not_found", None)
    assert read["error"] == "Bot profile not found or belongs to a different tenant"
    assert await rows(world, client, "upload_pieces") == await rows(world, client, "work") == 0
    with pytest.raises(ObjectMissing):
        [piece async for piece in world.owners.bus.get_object(made(world)[-1].object_name)]
    assert (await client.delete(path, headers=TUS)).status_code == 204


async def test_an_ingest_that_is_away_is_waited_for_and_the_source_is_made_once(start_world: Any) -> None:
    world = await start_world(upload_timeout=0.5)
    async with await world.a_client() as client:
        path = await begun(world, client, 4)
        commands: list[UUID | None] = []
        usual = world.owners.upload_source

        async def away_at_first(request: UploadSource, context: Context) -> SourceRead:
            commands.append(context.command_id)
            if len(commands) == 1:
                raise Unavailable
            return await usual(request, context)

        await answering(world, away_at_first)
        response = await send(client, path, 0, b"last")
        assert response.status_code == 204
        assert "x-minirag-source-id" not in response.headers
        assert (await client.get(path)).json()["status"] == "making"
        ended = await client.delete(path, headers=TUS)
        assert (ended.status_code, ended.json()["code"]) == (409, "upload_being_made")
        async with asyncio.timeout(20):
            while (read := (await client.get(path)).json())["status"] != "ready":
                await asyncio.sleep(0.1)
        assert read["source_id"]
        assert len(commands) >= 2
        assert len(set(commands)) == 1
