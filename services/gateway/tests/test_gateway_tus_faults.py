"""Uploads that go on after a break: what else goes on at the same time, and what is away, late, full or missing."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from gateway_world import World
from minirag_contracts.context import Context, TenantScope
from minirag_contracts.errors import Unavailable
from minirag_contracts.requests.ingest import SourceRead, UploadSource
from minirag_gateway.adapters import disk
from minirag_gateway.adapters.counters import BusCounters
from minirag_gateway.adapters.upload_rows import PostgresUploadRows
from minirag_gateway.commands.resumable import ResumableUploads
from tus_client import (
    MEGABYTE,
    TUS,
    Gone,
    answering,
    begun,
    made,
    offset,
    poured,
    rows,
    scope_of,
    send,
    start,
    until_it_is_no_longer_made,
    value,
)


@pytest.fixture
async def client(world: World) -> AsyncIterator[httpx.AsyncClient]:
    async with await world.a_client() as client:
        yield client


async def test_what_came_before_the_limits_were_unknown_is_kept(
    start_world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = BusCounters.add

    async def away(self: BusCounters, counter: str, amount: int, window: float) -> int:
        if window == 3600:  # the bytes of an hour
            raise Unavailable
        return await usual(self, counter, amount, window)

    monkeypatch.setattr(BusCounters, "add", away)
    world = await start_world(limit_upload_bytes=2 * MEGABYTE)
    async with await world.a_client() as client:
        path = await begun(world, client, 3 * MEGABYTE)
        response = await send(client, path, 0, b"x" * 3 * MEGABYTE)
        assert (response.status_code, response.json()["code"]) == (503, "unavailable")
        assert 0 < await offset(client, path) < MEGABYTE


async def test_a_slow_body_is_given_up_and_what_has_come_is_kept(
    start_world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = await start_world(upload_body_timeout=1)
    usual = ResumableUploads.append

    async def slowly(*args: Any) -> int:
        end = await usual(*args)
        await asyncio.sleep(1.5)  # the answer to a commit may come late
        return end

    monkeypatch.setattr(ResumableUploads, "append", slowly)
    async with await world.a_client() as client:
        path = await begun(world, client, 3_000_000)
        reader, writer = await poured(world, client, path, b"x" * 1_200_000, 3_000_000)
        async with asyncio.timeout(15):
            answer = await reader.readline()
        writer.close()
        assert answer.split()[1] == b"408"
        assert MEGABYTE <= await offset(client, path) <= 1_200_000
        path = await begun(world, client, 3_000_000)
        reader, writer = await poured(world, client, path, b"x" * 500_000, 3_000_000)
        async with asyncio.timeout(15):
            assert (await reader.readline()).split()[1] == b"408"
        writer.close()
        assert await offset(client, path) == 500_000


async def test_an_upload_that_ends_while_bytes_come_leaves_none(
    world: World, client: httpx.AsyncClient
) -> None:
    path = await begun(world, client, 10)
    rows_of_uploads = PostgresUploadRows(world.runtime.store, timedelta(days=1))
    async with world.runtime.store.transaction(await scope_of(client)) as tx:
        assert await rows_of_uploads.append(tx, UUID(path.rsplit("/", 1)[1]), 0, b"01234")
        ending = asyncio.create_task(client.delete(path, headers=TUS))
        await asyncio.sleep(0.5)
        assert not ending.done()
    assert (await ending).status_code == 204
    assert await rows(world, client, "uploads") == await rows(world, client, "upload_pieces") == 0
    path = await begun(world, client, 10)
    assert (await send(client, path, 0, b"01234")).status_code == 204
    assert (await client.delete(path, headers=TUS)).status_code == 204
    assert await rows(world, client, "upload_pieces") == 0


async def test_a_sweep_takes_nothing_of_an_upload_that_goes_on(
    world: World, client: httpx.AsyncClient
) -> None:
    path = await begun(world, client, 10)
    assert (await send(client, path, 0, b"01234")).status_code == 204
    await value(world, client, "UPDATE uploads SET expires_at = now() + interval '1 second'")
    rows_of_uploads = PostgresUploadRows(world.runtime.store, timedelta(days=1))
    async with world.runtime.store.transaction(await scope_of(client)) as tx:
        assert await rows_of_uploads.append(tx, UUID(path.rsplit("/", 1)[1]), 5, b"567")
        await asyncio.sleep(1.1)  # by what others see, it is over
        sweeping = asyncio.gather(*(sweep() for sweep in world.runtime.sweeps))
        await asyncio.sleep(0.5)
        assert not sweeping.done()
    await sweeping
    assert await rows(world, client, "upload_pieces") == 2
    assert (await send(client, path, 8, b"89")).status_code == 204
    assert world.owners.uploads == {"notes.txt": b"0123456789"}


async def test_of_a_file_with_a_hole_no_source_is_made(start_world: Any) -> None:
    world = await start_world(upload_timeout=0.2)
    async with await world.a_client() as client:
        path = await begun(world, client, 9)
        for at in (0, 3):
            assert (await send(client, path, at, b"abc")).status_code == 204
        await value(world, client, "DELETE FROM upload_pieces WHERE at = 3")
        assert (await send(client, path, 6, b"abc")).status_code == 204
        read = await until_it_is_no_longer_made(world, client, path)
        assert (read["status"], read["code"], read["source_id"]) == ("failed", "internal_error", None)
        assert made(world) == []
        assert await rows(world, client, "upload_pieces") == await rows(world, client, "work") == 0


async def test_bytes_are_not_taken_while_the_disk_is_nearly_full(
    start_world: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = await start_world(data_dir=tmp_path)
    async with await world.a_client() as client:
        bot_id = await world.a_bot(client)
        path = await begun(world, client, 4, bot_profile_id=bot_id)
        with monkeypatch.context() as patch:
            patch.setattr(disk, "LOW_DISK", 2**60)
            for refused in (
                await send(client, path, 0, b"last"),
                await start(client, 4, bot_profile_id=bot_id),
            ):
                assert (refused.status_code, refused.json()["code"]) == (507, "disk_full"), refused.text
                assert "less than 1 GB" in refused.json()["detail"]
        assert await offset(client, path) == 0
        assert (await send(client, path, 0, b"last")).status_code == 204


async def test_a_file_waits_for_a_disk_that_is_nearly_full_where_it_is(
    start_world: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = await start_world(data_dir=tmp_path, upload_timeout=0.5)
    async with await world.a_client() as client:
        path = await begun(world, client, 4)
        usual = world.owners.upload_source

        async def away(request: UploadSource, context: Context) -> SourceRead:
            monkeypatch.setattr(disk, "LOW_DISK", 2**60)
            raise Unavailable

        await answering(world, away)
        assert (await send(client, path, 0, b"last")).status_code == 204
        async with asyncio.timeout(20):
            while await value(world, client, "SELECT last_error FROM work") != "disk_full":
                await asyncio.sleep(0.1)
        assert await value(world, client, "SELECT due_at > now() + interval '30 seconds' FROM work")
        assert len(made(world)) == 1
        monkeypatch.undo()
        await answering(world, usual)
        assert (await until_it_is_no_longer_made(world, client, path))["status"] == "ready"


async def test_what_becomes_of_a_file_is_asked_less_and_less_often(
    start_world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = await start_world(upload_timeout=2)
    looks, usual = [], ResumableUploads.get

    async def counted(self: ResumableUploads, scope: TenantScope, upload_id: UUID) -> Any:
        looks.append(upload_id)
        return await usual(self, scope, upload_id)

    async def away(request: UploadSource, context: Context) -> SourceRead:
        raise Unavailable

    monkeypatch.setattr(ResumableUploads, "get", counted)
    async with await world.a_client() as client:
        path = await begun(world, client, 4)
        await answering(world, away)
        looks.clear()
        assert (await send(client, path, 0, b"last")).status_code == 204
        assert 4 <= len(looks) <= 9


async def test_a_bucket_that_keeps_what_it_should_drop_changes_no_outcome(
    world: World, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(request: UploadSource, context: Context) -> SourceRead:
        raise Gone

    async def away(name: str) -> None:
        raise Unavailable

    monkeypatch.setattr(world.runtime.bus, "delete_object", away)
    path = await begun(world, client, 4)
    response = await send(client, path, 0, b"last")
    assert (response.status_code, len(made(world))) == (204, 1)
    assert response.headers["x-minirag-source-id"]
    path = await begun(world, client, 4)
    await answering(world, refuse)
    response = await send(client, path, 0, b"last")
    assert (response.status_code, response.json()["code"]) == (422, "bot_not_found")
    assert len(made(world)) == 2
