"""S1: nothing that a client can write as a path reads a file. The web pages, once they are served, join this list."""

import asyncio
from urllib.parse import urlsplit

import pytest
from gateway_world import World

PATHS = [
    "/dashboard/../pyproject.toml",
    "/dashboard/%2e%2e/.env.example",
    "/dashboard//etc/hostname",
    "/dashboard/..%2f..%2f..%2fetc%2fpasswd",
    "/dashboard/..%5c..%5cetc%5cpasswd",
    "/dashboard/%00/etc/passwd",
    "/../../../../etc/passwd",
    "//etc/passwd",
    "/docs/../../../etc/passwd",
    "/openapi.json/../../../../etc/passwd",
    "/v1/schemas/..%2f..%2f..%2fetc%2fpasswd",
    "/v1/embed/..%2f..%2fetc/sessions",
]


@pytest.mark.parametrize("path", PATHS)
async def test_no_path_reads_a_file(world: World, path: str) -> None:
    """Sent as it stands: an HTTP client would tidy it up."""
    host = urlsplit(world.url)
    reader, writer = await asyncio.open_connection(host.hostname, host.port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: {host.netloc}\r\nConnection: close\r\n\r\n".encode())
    await writer.drain()
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.split()[1] in (b"404", b"400", b"405", b"422"), head
    assert b"application/problem+json" in head.lower() or head.split()[1] == b"400"
    assert b"root:" not in body and b"[project]" not in body
