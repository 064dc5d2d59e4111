"""Whatever a broker asks of its clients it gets: users, passwords with awkward signs, TLS; and one connection does for all."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote
from urllib.request import urlopen

import nats.errors
import pytest
from certificates import a_certificate
from minirag_messaging import Bus
from minirag_messaging.testing import NatsServer, start_nats

USER, PASSWORD = "ingest@eu/1", "p:a@s/s%20w#o?rd"


def users(extra: str = "") -> str:
    return f"authorization {{ users = [ {{ user: {json.dumps(USER)}, password: {json.dumps(PASSWORD)} }} ] }}\n{extra}"


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[NatsServer]:
    running = start_nats(tmp_path / "nats", extra_config=users("http: 127.0.0.1:-1"))
    yield running
    running.stop()


async def works(bus: Bus) -> None:
    """Something that is published comes back."""
    received = await bus.client.subscribe("a.subject")
    await bus.client.publish("a.subject", b"x")
    assert (await received.next_msg(timeout=5)).data == b"x"
    await bus.close()


async def test_user_and_password_arrive_as_they_are(guarded: NatsServer) -> None:
    await works(await Bus.connect(guarded.url, USER, PASSWORD))


async def test_a_url_may_carry_them_instead(guarded: NatsServer) -> None:
    place = guarded.url.removeprefix("nats://")
    url = f"nats://{quote(USER, safe='')}:{quote(PASSWORD, safe='')}@{place}"
    await works(await Bus.connect(url))
    await works(await Bus.connect(url, "", ""))  # what settings say that were not set
    with pytest.raises(nats.errors.Error, match=r"[Aa]uthorization"):
        async with asyncio.timeout(5):
            await Bus.connect(url.replace("%2F", "x"))


async def test_requests_of_a_process_share_one_connection(guarded: NatsServer) -> None:
    bus = await Bus.connect(guarded.url, USER, PASSWORD, "one")
    ports = json.loads(next(guarded.directory.glob("*.ports")).read_text())
    await asyncio.gather(*(bus.announce(f"some.subject.{number}", {}) for number in range(200)))
    await bus.settled()
    with await asyncio.to_thread(urlopen, f"{ports['monitoring'][0]}/connz") as answer:
        connections = json.loads(answer.read())["connections"]
    assert [connection["name"] for connection in connections] == ["one"]
    await bus.close()


async def test_a_broker_with_tls_is_spoken_to_in_tls_and_its_certificate_is_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    public, private = a_certificate("127.0.0.1", tmp_path)
    tls = f'tls {{ cert_file: "{public}", key_file: "{private}" }}'
    server = start_nats(tmp_path / "nats", extra_config=users(tls))
    try:
        with pytest.raises(TimeoutError):  # not trusted: no plain connection is made instead
            async with asyncio.timeout(1.5):
                await Bus.connect(server.url, USER, PASSWORD)
        monkeypatch.setenv("SSL_CERT_FILE", str(public))
        await works(await Bus.connect(server.url.replace("nats://", "tls://"), USER, PASSWORD))
        await works(await Bus.connect(server.url, USER, PASSWORD))
    finally:
        server.stop()
