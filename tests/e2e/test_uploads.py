"""Several files, an archive and an upload that goes on after a break, through HTTP, until a bot answers from them."""

import asyncio
import base64
import os
import signal
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from api import Tenant
from archives import a_zip
from gateways import Gateway, second_gateway
from minirag_local.testing import Stack
from stack_rows import admin_of

HERONS = "Herons nest in the old poplars by the weir. They return from the south in the middle of March."
OTTERS = "Otters were seen again at the mill pond in autumn. The warden counted three of them in October."
TUS = {"Tus-Resumable": "1.0.0"}
BYTES = TUS | {"Content-Type": "application/offset+octet-stream"}


async def cited(tenant: Tenant, bot_id: str, question: str) -> set[str]:
    """The sources that an answer rests on."""
    return {source["source_id"] for source in (await tenant.ask(bot_id, question))["sources"]}


async def upload(tenant: Tenant, files: list[tuple[str, bytes]], expected: int, **form: str) -> Any:
    parts = [("file", file) for file in files]
    return await tenant.call("POST", "/v1/sources/upload", expected, files=parts, data=form)


async def test_several_files_answer_as_one_source_and_go_together(tenant: Tenant) -> None:
    bot_id = await tenant.bot()
    files = [("herons.md", HERONS.encode()), ("otters.txt", OTTERS.encode())]
    made = await upload(tenant, files, 201, bot_profile_id=bot_id, name="Trail")
    parent = await tenant.ready(made["parent"]["id"])
    assert (parent["name"], parent["children_count"], parent["chunk_count"]) == ("Trail", 2, 2)
    assert made["children"][0]["id"] in await cited(tenant, bot_id, "Where do herons nest?")
    refused = await upload(tenant, [*files, ("virus.exe", b"MZ")], 422, bot_profile_id=bot_id)
    assert refused["detail"].startswith("virus.exe: Unsupported file type: .exe.")
    assert len(await tenant.call("GET", "/v1/sources?include_children=true", 200)) == 3
    await tenant.call("DELETE", f"/v1/sources/{parent['id']}", 204)
    assert await cited(tenant, bot_id, "Where do herons nest?") == set()


async def test_an_archive_answers_from_its_files_and_says_what_it_left_out(tenant: Tenant) -> None:
    bot_id = await tenant.bot()
    archive = a_zip({"trail/herons.md": HERONS, "trail/otters.txt": OTTERS, "trail/map.png": b"\x89PNG"})
    made = await upload(tenant, [("trail.zip", archive)], 201, bot_profile_id=bot_id)
    parent = await tenant.ready(made["id"])
    assert (parent["children_count"], parent["document_count"]) == (2, 2)
    assert parent["config"]["skipped"] == [
        {"path": "trail/map.png", "reason": "files of this type cannot be read"}
    ]
    children = await tenant.call("GET", f"/v1/sources/{made['id']}/children", 200)
    assert [child["name"] for child in children] == ["trail/herons.md", "trail/otters.txt"]
    assert children[1]["id"] in await cited(tenant, bot_id, "How many otters did the warden count?")
    broken = await upload(tenant, [("broken.zip", archive[:-30])], 201, bot_profile_id=bot_id)
    failed = await tenant.settled(broken["id"])
    assert (failed["status"], failed["error_message"]) == (
        "error",
        "The archive is damaged, or no ZIP archive.",
    )


async def children_of(stack: Stack, source_id: str) -> int:
    """How many are there, whether anybody could be asked or not."""
    connection = await admin_of(stack)
    try:
        query = "SELECT count(*) FROM ingest.sources WHERE parent_id = $1"
        return int(await connection.fetchval(query, UUID(source_id)))
    finally:
        await connection.close()


async def test_ingest_that_is_killed_while_it_unpacks_doubles_and_loses_nothing(
    stack: Stack, tenant: Tenant
) -> None:
    bot_id = await tenant.bot()
    files = {f"pages/{n}.txt": f"Page {n} tells of heron number {n}." for n in range(300)}
    made = await upload(tenant, [("pages.zip", a_zip(files))], 201, bot_profile_id=bot_id)
    path = f"/v1/sources/{made['id']}"
    while (await tenant.call("GET", path, 200))["children_count"] == 0:
        await asyncio.sleep(0.02)
    killed = stack.kill("ingest")
    assert 0 < await children_of(stack, made["id"]) < len(files)
    while stack.pid("ingest") == killed:
        await asyncio.sleep(0.05)
    stack.wait_healthy()
    parent = await tenant.ready(made["id"], seconds=120)
    children = await tenant.call("GET", f"{path}/children", 200)
    assert sorted(child["name"] for child in children) == sorted(files)
    assert {child["chunk_count"] for child in children} == {1}
    assert parent["chunk_count"] == 300


def metadata(**fields: str) -> str:
    return ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in fields.items())


async def offset(tenant: Tenant, path: str) -> int:
    return int((await tenant.request("HEAD", path, headers=TUS)).headers["upload-offset"])


@pytest.fixture
def other(stack: Stack) -> Iterator[Gateway]:
    """A second gateway."""
    with second_gateway(stack) as gateway:
        yield gateway


async def test_an_upload_that_breaks_off_goes_on_at_another_gateway(
    other: Gateway, tenant: Tenant, stranger: Tenant
) -> None:
    """Begun at a gateway that is killed while the bytes come, ended at the other; the last answer is lost and asked again."""
    bot_id = await tenant.bot()
    filler = {f"{n}.txt": os.urandom(60_000).hex() for n in range(30)}
    archive = a_zip({"herons.md": HERONS, **filler}, stored=True)
    told = metadata(filename="large.zip", bot_profile_id=bot_id, name="Large")
    begun = TUS | {"Upload-Length": str(len(archive)), "Upload-Metadata": told}
    async with httpx.AsyncClient(base_url=other.url, headers=tenant.headers, timeout=30) as there:
        path = (await there.post("/v1/uploads", headers=begun)).headers["location"]

        async def half() -> Any:
            yield archive[: len(archive) // 2]
            while await offset(tenant, path) == 0:
                await asyncio.sleep(0.05)
            other.kill()
            yield b"never"

        with pytest.raises(httpx.TransportError):
            await there.patch(path, content=half(), headers=BYTES | {"Upload-Offset": "0"})
    at = await offset(tenant, path)
    assert 0 < at <= len(archive) // 2
    assert (await stranger.request("HEAD", path, headers=TUS)).status_code == 404
    sent = BYTES | {"Upload-Offset": str(at)}
    assert (await stranger.request("PATCH", path, headers=sent, content=archive[at:])).status_code == 404
    last = await tenant.request("PATCH", path, headers=sent, content=archive[at:])
    assert last.status_code == 204, last.text
    source_id = last.headers["x-minirag-source-id"]
    again = await tenant.request("PATCH", path, headers=sent, content=archive[at:])
    assert again.status_code == 409
    assert (await tenant.call("GET", path, 200))["source_id"] == source_id
    parent = await tenant.call("GET", f"/v1/sources/{source_id}", 200)
    assert (parent["name"], parent["config"]["file_size"]) == ("Large", len(archive))
    assert [one["id"] for one in await tenant.call("GET", "/v1/sources", 200)] == [source_id]
    await tenant.call("DELETE", f"/v1/sources/{source_id}", 204)


async def test_the_source_is_made_once_although_a_gateway_dies_after_the_last_byte(
    stack: Stack, other: Gateway, tenant: Tenant
) -> None:
    bot_id = await tenant.bot()
    text = f"{HERONS} {uuid4()}".encode()
    told = metadata(filename="herons.txt", bot_profile_id=bot_id)
    begun = TUS | {"Upload-Length": str(len(text)), "Upload-Metadata": told}
    path = (await tenant.request("POST", "/v1/uploads", headers=begun)).headers["location"]
    stack.kill("ingest", signal.SIGSTOP)  # nobody makes a source at this moment
    try:
        async with httpx.AsyncClient(base_url=other.url, headers=tenant.headers, timeout=2) as there:
            with pytest.raises(httpx.TransportError):
                await there.patch(path, content=text, headers=BYTES | {"Upload-Offset": "0"})
        other.kill()
        assert (await tenant.call("GET", path, 200))["status"] == "making"
    finally:
        stack.kill("ingest", signal.SIGCONT)
    while (read := await tenant.call("GET", path, 200))["status"] == "making":
        await asyncio.sleep(0.1)
    assert read["status"] == "ready", read
    await tenant.ready(read["source_id"])
    assert [one["id"] for one in await tenant.call("GET", "/v1/sources", 200)] == [read["source_id"]]
