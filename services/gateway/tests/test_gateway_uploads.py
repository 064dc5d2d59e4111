"""Files on their way through the gateway."""

import asyncio
import hashlib
import json
import logging
from typing import Any

import httpx
import pytest
from gateway_world import World
from minirag_contracts.requests.ingest import UploadSource
from minirag_messaging import ObjectMissing


@pytest.fixture
async def client(world: World) -> Any:
    async with await world.a_client() as client:
        yield client


async def upload(
    client: httpx.AsyncClient, filename: str, content: bytes, *, key: str | None = None, **fields: str
) -> httpx.Response:
    """A form as clients send it."""
    headers = {"Idempotency-Key": key} if key else {}
    return await client.post(
        "/v1/sources/upload", files={"file": (filename, content)}, data=fields, headers=headers
    )


async def test_a_file_reaches_ingest_whole_and_leaves_nothing_behind(
    world: World, client: httpx.AsyncClient
) -> None:
    bot_id = await world.a_bot(client)
    content = bytes(range(256)) * 8192
    response = await upload(client, "Guide.PDF", content, bot_profile_id=bot_id, description="How to")
    assert response.status_code == 201, response.text
    source = response.json()
    assert (source["name"], source["source_type"]) == ("Guide.PDF", "upload")
    assert source["config"] == {"original_filename": "Guide.PDF", "file_size": len(content)}
    assert world.owners.uploads["Guide.PDF"] == content
    asked = world.owners.asked[-1][0]
    assert isinstance(asked, UploadSource)
    assert (asked.description, asked.sha256) == ("How to", hashlib.sha256(content).hexdigest())
    with pytest.raises(ObjectMissing):
        [piece async for piece in world.owners.bus.get_object(asked.object_name)]


async def test_the_fields_may_come_after_the_file(world: World, client: httpx.AsyncClient) -> None:
    bot_id = await world.a_bot(client)
    body = (
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="../../etc/notes.md"\r\n\r\n# Notes\r\n'
        b'--b\r\nContent-Disposition: form-data; name="name"\r\n\r\nN\xc3\xb6tes\r\n'
        b'--b\r\nContent-Disposition: form-data; name="bot_profile_id"\r\n\r\n'
        + bot_id.encode()
        + b"\r\n--b--\r\n"
    )
    response = await client.post(
        "/v1/sources/upload", content=body, headers={"Content-Type": "multipart/form-data; boundary=b"}
    )
    assert (response.status_code, response.json()["name"]) == (201, "Nötes")
    assert world.owners.uploads == {"notes.md": b"# Notes"}


async def test_a_repeated_upload_is_one_command_although_its_object_differs(
    world: World, client: httpx.AsyncClient
) -> None:
    bot_id = await world.a_bot(client)
    for content in (b"one", b"one", b"two"):
        await upload(client, "a.txt", content, key="up", bot_profile_id=bot_id)
    (first, one), (again, two), (other, _) = world.owners.asked[-3:]
    assert one.command_id == two.command_id
    assert first.object_name != again.object_name
    assert "object_name" in UploadSource.transport_fields
    assert (first.sha256, first.size) == (again.sha256, again.size) != (other.sha256, other.size)


async def test_what_is_refused_is_refused_in_the_order_of_the_contract(
    world: World, client: httpx.AsyncClient
) -> None:
    bot_id = await world.a_bot(client)
    asked = len(world.owners.asked)
    large = b"x" * (10 * 1024 * 1024 + 1)
    cases = [
        (
            "virus.exe",
            large,
            "unsupported_file_type",
            "Unsupported file type: .exe. Allowed: .csv, .docx, .eml, .epub, .htm, .html,",
        ),
        ("noending", b"x", "unsupported_file_type", "Unsupported file type: (none)."),
        ("large.txt", large, "file_too_large", "File too large. Maximum size is 10 MB."),
        ("empty.txt", b"", "empty_file", "The file is empty."),
    ]
    for filename, content, code, detail in cases:
        response = await upload(client, filename, content, bot_profile_id=bot_id)
        assert (response.status_code, response.json()["code"]) == (422, code), response.text
        assert response.json()["detail"].startswith(detail)
    missing = await upload(client, "a.txt", b"x")
    assert missing.json()["errors"] == [
        {"loc": ["body", "bot_profile_id"], "msg": "Field required", "type": "missing"}
    ]
    malformed = await upload(client, "a.txt", b"x", bot_profile_id="zz")
    assert malformed.json()["errors"][0]["loc"] == ["body", "bot_profile_id"]
    no_file = await client.post("/v1/sources/upload", files={"other": ("a.txt", b"x")})
    assert no_file.json()["errors"][0]["loc"] == ["body", "file"]
    assert len(world.owners.asked) == asked


async def test_a_body_that_is_no_form_is_refused(client: httpx.AsyncClient) -> None:
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nhalf'
    nul = b'--b\r\nContent-Disposition: form-data; name="name"\r\n\r\na\x00b\r\n--b--\r\n'
    for kind, content in (
        ("application/json", b"{}"),
        ("multipart/form-data", b"--b--\r\n"),
        ("multipart/form-data; boundary=b", b""),
        ("multipart/form-data; boundary=b", b"garbage"),
        ("multipart/form-data; boundary=b", head),
        ("multipart/form-data; boundary=b", nul),
        ("multipart/form-data; boundary=b", b"--b\r\n\r\nnameless\r\n--b--\r\n"),
        ("multipart/form-data; boundary=" + "b" * 500, b"x"),
    ):
        response = await client.post("/v1/sources/upload", content=content, headers={"Content-Type": kind})
        assert response.status_code == 422, (kind, content, response.text)


async def test_a_hundred_megabytes_are_refused_before_they_are_sent(
    world: World, client: httpx.AsyncClient
) -> None:
    status, body = await refusal_while_sending(world, client, chunked=False)
    assert (status, body["code"]) == (422, "file_too_large")


async def test_an_endless_upload_is_refused_after_ten(world: World, client: httpx.AsyncClient) -> None:
    status, body = await refusal_while_sending(world, client, chunked=True)
    assert (status, body["code"]) == (422, "file_too_large")


async def test_a_client_that_sends_everything_first_still_reads_the_refusal(
    world: World, client: httpx.AsyncClient
) -> None:
    response = await upload(client, "large.txt", b"x" * 30_000_000, bot_profile_id="zz")
    assert (response.status_code, response.json()["code"]) == (422, "file_too_large")
    assert (await client.get("/v1/tenants/me")).status_code == 200


async def refusal_while_sending(
    world: World, client: httpx.AsyncClient, *, chunked: bool
) -> tuple[int, dict[str, Any]]:
    """Sends the beginning of a large upload on a raw connection and reads the answer that comes meanwhile."""
    host, port = world.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    length = "Transfer-Encoding: chunked" if chunked else "Content-Length: 100000000"
    writer.write(
        f"POST /v1/sources/upload HTTP/1.1\r\nHost: {host}\r\nAuthorization: {client.headers['authorization']}\r\n"
        f"Content-Type: multipart/form-data; boundary=b\r\n{length}\r\n\r\n".encode()
    )
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'
    pieces = [head] if not chunked else [head, *[b"x" * 262_144] * 44]
    for piece in pieces:
        writer.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n" if chunked else piece)
        await writer.drain()
    async with asyncio.timeout(10):
        answer = await reader.readuntil(b"\r\n\r\n")
        lengths = [line for line in answer.lower().split(b"\r\n") if line.startswith(b"content-length")]
        body = await reader.readexactly(int(lengths[0].split(b":")[1]))
    writer.close()
    assert b"connection: close" in answer.lower()
    return int(answer.split(b" ")[1]), json.loads(body)


async def test_a_client_that_goes_away_while_sending_is_no_fault(
    world: World, client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    host, port = world.url.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        f"POST /v1/sources/upload HTTP/1.1\r\nHost: {host}\r\nAuthorization: {client.headers['authorization']}\r\n"
        f"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 1000000\r\n\r\n".encode()
        + b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nhalf'
    )
    await writer.drain()
    with caplog.at_level(logging.INFO):
        await asyncio.sleep(0.1)
        writer.close()
        async with asyncio.timeout(10):
            while "the client went away while sending" not in caplog.messages:
                await asyncio.sleep(0.01)
    assert "unhandled error" not in caplog.messages
