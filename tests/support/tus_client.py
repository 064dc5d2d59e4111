"""A client of resumable uploads, and looks at what the gateway keeps of them."""

import asyncio
import base64
from typing import Any
from uuid import UUID

import httpx
from gateway_world import World
from minirag_contracts.context import TenantScope
from minirag_contracts.errors import Refusal
from minirag_contracts.requests.ingest import UploadSource

MEGABYTE = 1024 * 1024
TUS = {"Tus-Resumable": "1.0.0"}
BYTES = TUS | {"Content-Type": "application/offset+octet-stream"}


class Gone(Refusal):
    """Bot profile not found or belongs to a different tenant"""

    code = "bot_not_found"


def metadata(**fields: str) -> str:
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in fields.items()}
    return ",".join(f"{key} {value}".rstrip() for key, value in encoded.items())


async def start(
    client: httpx.AsyncClient, length: int, *, headers: Any = None, **fields: str
) -> httpx.Response:
    fields = {"filename": "notes.txt", **fields}
    sent = TUS | {"Upload-Length": str(length), "Upload-Metadata": metadata(**fields)} | (headers or {})
    return await client.post("/v1/uploads", headers=sent)


async def begun(world: World, client: httpx.AsyncClient, length: int, **fields: str) -> str:
    """Where its bytes go."""
    bot_id = fields.pop("bot_profile_id", None) or await world.a_bot(client)
    response = await start(client, length, bot_profile_id=bot_id, **fields)
    assert response.status_code == 201, response.text
    return response.headers["location"]


async def send(client: httpx.AsyncClient, path: str, at: int, data: Any, **headers: str) -> httpx.Response:
    return await client.patch(path, content=data, headers=BYTES | {"Upload-Offset": str(at)} | headers)


async def offset(client: httpx.AsyncClient, path: str) -> int:
    response = await client.head(path, headers=TUS)
    assert response.status_code == 200
    return int(response.headers["upload-offset"])


def made(world: World) -> list[UploadSource]:
    return [asked for asked, _ in world.owners.asked if isinstance(asked, UploadSource)]


async def scope_of(client: httpx.AsyncClient) -> TenantScope:
    return TenantScope(UUID((await client.get("/v1/tenants/me")).json()["id"]))


async def value(world: World, client: httpx.AsyncClient, query: str) -> Any:
    async with world.runtime.database.tenant(await scope_of(client)) as connection:
        return await connection.fetchval(query)


async def rows(world: World, client: httpx.AsyncClient, table: str) -> int:
    return int(await value(world, client, f"SELECT count(*) FROM {table}"))


async def until_it_is_no_longer_made(world: World, client: httpx.AsyncClient, path: str) -> dict[str, Any]:
    """What has become of it; whatever its work waits for is over at once."""
    async with asyncio.timeout(40):
        while (read := (await client.get(path)).json())["status"] == "making":
            await value(world, client, "UPDATE work SET due_at = now()")
            await asyncio.sleep(0.1)
    return dict(read)


async def poured(
    world: World, client: httpx.AsyncClient, path: str, data: bytes, length: int
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """The beginning of a PATCH of so many bytes."""
    host, port = world.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        f"PATCH {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: {client.headers['authorization']}\r\n"
        f"Tus-Resumable: 1.0.0\r\nContent-Type: application/offset+octet-stream\r\nUpload-Offset: 0\r\n"
        f"Content-Length: {length}\r\n\r\n".encode()
        + data
    )
    await writer.drain()
    return reader, writer


async def answering(world: World, upload: Any) -> None:
    """Ingest, with another answer to uploads."""
    await world.owners.stop()
    world.owners.upload_source = upload  # type: ignore[method-assign]
    await world.owners.start()
