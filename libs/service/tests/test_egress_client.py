"""The guarded client against real listeners on this machine, which it must not reach unless allowed."""

import asyncio
import contextlib
import gzip
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from certificates import a_certificate
from minirag_service.egress import Allowance, EgressRefused, FetchFailed, GuardedClient

Answer = Callable[[str], bytes | Awaitable[bytes]]


@dataclass
class Listener:
    """A tiny HTTP server that counts connections: a canary for calls that must not be made."""

    port: int = 0
    connections: int = 0
    requests: list[str] = field(default_factory=list)


def response(body: bytes = b"hello", status: str = "200 OK", **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@asynccontextmanager
async def listening(answer: Answer, **options: Any) -> AsyncIterator[Listener]:
    listener = Listener()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        listener.connections += 1
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            listener.requests.append(head)
            found = answer(head.split(" ")[1])
            writer.write(found if isinstance(found, bytes) else await found)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, **options)
    listener.port = server.sockets[0].getsockname()[1]
    async with server:
        yield listener


def a_client(allow: str = "127.0.0.0/8", **options: object) -> GuardedClient:
    return GuardedClient(Allowance.parse(allow), timeout=timedelta(seconds=5), **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "localhost", "LOCALHOST.", "2130706433", "0x7f000001", "017700000001", "0x7f.1", "127.1",
        "0.0.0.0", "0", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::]", "127.0.0.1.",
    ],
)  # fmt: skip
async def test_no_way_to_write_this_machine_reaches_it(host: str) -> None:
    async with listening(lambda _: response()) as canary, a_client(allow="") as client:
        with pytest.raises((EgressRefused, FetchFailed)):
            await client.fetch(f"http://{host}:{canary.port}/")
        with pytest.raises((EgressRefused, FetchFailed)):
            await client.post(f"http://{host}:{canary.port}/", b"{}")
        assert canary.connections == 0


async def test_a_name_that_resolves_to_a_private_address_is_refused() -> None:
    async def resolver(host: str, port: int) -> list[str]:
        return ["93.184.216.34", "127.0.0.1"]

    async with listening(lambda _: response()) as canary, a_client(allow="", resolver=resolver) as client:
        with pytest.raises(EgressRefused, match="private network"):
            await client.fetch(f"http://public.example:{canary.port}/")
        assert canary.connections == 0


async def test_a_name_is_resolved_once_and_the_checked_address_is_connected_to() -> None:
    asked: list[str] = []

    async def rebinding(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["127.0.0.2"]

    async with listening(lambda _: response()) as listener:
        async with a_client(allow="127.0.0.1", resolver=rebinding) as client:
            fetched = await client.fetch(f"http://name.example:{listener.port}/page")
    assert fetched.body == b"hello"
    assert asked == ["name.example"]
    assert f"Host: name.example:{listener.port}" in listener.requests[0]


async def test_a_redirect_to_a_private_address_is_refused() -> None:
    async with listening(lambda _: response()) as canary:
        to_canary = response(status="302 Found", Location=f"http://127.0.0.1:{canary.port}/secret")
        async with listening(lambda _: to_canary) as front:
            async with a_client(allow=f"127.0.0.1:{front.port}") as client:
                with pytest.raises(EgressRefused, match="private network"):
                    await client.fetch(f"http://127.0.0.1:{front.port}/")
            assert front.connections == 1
        assert canary.connections == 0


async def test_a_redirect_to_another_scheme_is_refused() -> None:
    async with listening(lambda _: response(status="302 Found", Location="file:///etc/passwd")) as front:
        async with a_client() as client:
            with pytest.raises(EgressRefused, match="http"):
                await client.fetch(f"http://127.0.0.1:{front.port}/")


async def test_redirects_are_followed_and_the_last_url_is_told() -> None:
    def answer(path: str) -> bytes:
        return response(status="301 Moved", Location="/there") if path == "/here" else response(b"found")

    async with listening(answer) as server, a_client() as client:
        fetched = await client.fetch(f"http://127.0.0.1:{server.port}/here")
    assert (fetched.status, fetched.body) == (200, b"found")
    assert fetched.final_url == f"http://127.0.0.1:{server.port}/there"


async def test_endless_redirects_end() -> None:
    async with listening(lambda _: response(status="302 Found", Location="/again")) as server:
        async with a_client() as client:
            with pytest.raises(FetchFailed, match="more than 5 times") as failed:
                await client.fetch(f"http://127.0.0.1:{server.port}/")
        assert server.connections == 6
    assert not failed.value.temporary


async def test_credentials_do_not_follow_a_redirect_to_another_origin() -> None:
    async with listening(lambda _: response()) as other:
        away = response(status="302 Found", Location=f"http://127.0.0.1:{other.port}/")
        async with listening(lambda _: away) as first, a_client() as client:
            await client.fetch(f"http://127.0.0.1:{first.port}/", headers={"Authorization": "Bearer x"})
        assert "authorization" in first.requests[0].lower()
        assert "authorization" not in other.requests[0].lower()


@pytest.mark.parametrize("announced", [True, False])
async def test_a_body_that_is_too_large_is_not_read_to_its_end(announced: bool) -> None:
    head = b"HTTP/1.1 200 OK\r\n" + (b"Content-Length: 400000\r\n" if announced else b"") + b"\r\n"
    async with listening(lambda _: head + b"x" * 400_000) as server, a_client(max_bytes=100_000) as client:
        with pytest.raises(FetchFailed, match="more than") as failed:
            await client.fetch(f"http://127.0.0.1:{server.port}/")
    assert not failed.value.temporary


async def test_a_decompression_bomb_is_stopped_at_the_limit() -> None:
    bomb = gzip.compress(b"\0" * 50_000_000)
    async with listening(lambda _: response(bomb, Content_Encoding="gzip")) as server:
        async with a_client(max_bytes=1_000_000) as client:
            with pytest.raises(FetchFailed, match="more than"):
                await client.fetch(f"http://127.0.0.1:{server.port}/")


async def test_a_compressed_body_is_decoded() -> None:
    async with listening(lambda _: response(gzip.compress(b"plain text"), Content_Encoding="gzip")) as server:
        async with a_client() as client:
            assert (await client.fetch(f"http://127.0.0.1:{server.port}/")).body == b"plain text"


async def test_an_answer_that_does_not_come_ends_in_time() -> None:
    async def never(path: str) -> bytes:
        await asyncio.sleep(30)
        return b""

    async with listening(never) as server:
        async with GuardedClient(Allowance.parse("127.0.0.1"), timeout=timedelta(milliseconds=200)) as client:
            with pytest.raises(FetchFailed, match="did not answer within 0.2 seconds") as failed:
                await client.fetch(f"http://127.0.0.1:{server.port}/")
    assert failed.value.temporary


async def test_a_post_does_not_follow_redirects_and_cuts_a_long_answer() -> None:
    moved = response(b"y" * 200_000, status="307 Temporary Redirect", Location="/elsewhere")
    async with listening(lambda _: moved) as server, a_client() as client:
        fetched = await client.post(f"http://127.0.0.1:{server.port}/hook", b"{}", max_bytes=1000)
    assert (fetched.status, len(fetched.body), server.connections) == (307, 1000, 1)


async def test_nobody_listening_is_a_temporary_failure() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    async with a_client() as client:
        with pytest.raises(FetchFailed, match="could not be connected") as failed:
            await client.fetch(f"http://127.0.0.1:{port}/")
    assert failed.value.temporary


async def test_an_unknown_name_is_a_lasting_failure() -> None:
    async def nowhere(host: str, port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    async with a_client(resolver=nowhere) as client:
        with pytest.raises(FetchFailed, match="no host named") as failed:
            await client.fetch("http://nowhere.example/")
    assert not failed.value.temporary


@pytest.mark.parametrize(
    "url", ["ftp://example.com/", "file:///etc/passwd", "http://", "not a url", "http://user:pw@example.com/",
            "javascript:alert(1)", "http://exa mple.com/\x00", "http://" + "a" * 3000],
)  # fmt: skip
async def test_a_url_of_the_wrong_form_is_refused_with_a_sentence(url: str) -> None:
    async with a_client() as client:
        with pytest.raises(EgressRefused) as refused:
            await client.fetch(url)
    assert str(refused.value).endswith(".")


async def test_the_environment_cannot_put_a_proxy_in_between(monkeypatch: pytest.MonkeyPatch) -> None:
    async with listening(lambda _: response()) as proxy, listening(lambda _: response(b"direct")) as server:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{proxy.port}")
        async with a_client() as client:
            assert (await client.fetch(f"http://127.0.0.1:{server.port}/")).body == b"direct"
        assert proxy.connections == 0


async def test_the_certificate_is_checked_against_the_name_and_not_the_pinned_address(tmp_path: Path) -> None:
    public, private = a_certificate("name.example", tmp_path)
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    serving.load_cert_chain(public, private)
    asked: list[str | None] = []
    serving.sni_callback = lambda _socket, name, _context: asked.append(name)

    async def resolver(host: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    trusting = ssl.create_default_context(cafile=str(public))
    async with listening(lambda _: response(), ssl=serving) as server:
        async with a_client(resolver=resolver, ssl_context=trusting) as client:
            assert (await client.fetch(f"https://name.example:{server.port}/")).body == b"hello"
            with pytest.raises(FetchFailed, match="connected"):
                await client.fetch(f"https://other.example:{server.port}/")
    assert asked == ["name.example", "other.example"]


async def endless(chunk: bytes, count: list[int]) -> AsyncIterator[bytes]:
    while True:
        count[0] += len(chunk)
        yield chunk
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("encoding", "first", "then"),
    [
        ("", b"", b"x" * 65536),
        ("gzip", gzip.compress(b"the whole page"), b"\0" * 65536),
        ("gzip", gzip.compress(b"the whole page"), gzip.compress(b"") * 3000),
        ("deflate", b"", b"\x00\x00\x00\xff\xff" * 13000),
    ],
    ids=["plain", "zeros after gzip's end", "empty members", "empty blocks"],
)
async def test_an_endless_body_is_cut_by_what_was_sent_also_when_it_stands_for_little(
    encoding: str, first: bytes, then: bytes
) -> None:
    """The time limit is far away; the server sends until the client hangs up."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\n\r\n".encode() + first)
        with contextlib.suppress(ConnectionError):
            async for chunk in endless(then, sent):
                writer.write(chunk)
                await writer.drain()
        writer.close()

    sent = [0]
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, GuardedClient(Allowance.parse("127.0.0.1"), max_bytes=1_000_000) as client:
        with pytest.raises(FetchFailed, match="more than 1 MB") as failed:
            await client.fetch(f"http://127.0.0.1:{port}/")
    assert not failed.value.temporary
    assert sent[0] < 20_000_000  # what the sockets hold besides


async def test_a_body_that_drips_ends_in_time() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            async for chunk in endless(b"x", [0]):
                writer.write(chunk)
                await writer.drain()
                await asyncio.sleep(0.02)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        async with GuardedClient(Allowance.parse("127.0.0.1"), timeout=timedelta(seconds=0.3)) as client:
            for call in (
                client.fetch(f"http://127.0.0.1:{port}/"),
                client.post(f"http://127.0.0.1:{port}/", b""),
            ):
                with pytest.raises(FetchFailed, match=r"did not answer within 0\.3 seconds"):
                    await call


async def test_names_that_are_never_answered_keep_nothing_else_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A name server that says nothing holds a thread for as long as the resolver waits; those of the loop stay free."""
    released = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: released.wait(20) and [])
    async with GuardedClient(timeout=timedelta(seconds=0.2)) as client:
        calls = [client.fetch(f"http://tarpit-{n}.example/") for n in range(20)]
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        assert all(isinstance(outcome, FetchFailed) for outcome in outcomes)
        async with asyncio.timeout(5):
            assert await asyncio.to_thread(lambda: "at work") == "at work"
        released.set()
