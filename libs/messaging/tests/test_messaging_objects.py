"""Transfer of large bodies."""

import json
import os
from collections.abc import AsyncIterator

import nats.js.errors
import pytest
from minirag_messaging import Bus, ObjectMissing
from minirag_messaging.jetstream_api import ask
from minirag_messaging.objects import STREAM, DamagedObject

pytestmark = pytest.mark.usefixtures("streams")


async def pieces(body: bytes, size: int = 300_000) -> AsyncIterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]


async def read(bus: Bus, name: str) -> bytes:
    return b"".join([piece async for piece in bus.get_object(name)])


async def stored_messages(bus: Bus) -> int:
    return int((await ask(bus, f"$JS.API.STREAM.INFO.{STREAM}"))["state"]["messages"])


async def test_twenty_megabytes_come_back_as_they_went(bus: Bus) -> None:
    body = os.urandom(20_000_000)
    await bus.put_object("uploads/übung 1.pdf", pieces(body))
    assert await read(bus, "uploads/übung 1.pdf") == body


async def test_an_empty_body_is_a_body(bus: Bus) -> None:
    await bus.put_object("empty", pieces(b""))
    assert await read(bus, "empty") == b""


async def test_a_missing_body_is_missing(bus: Bus) -> None:
    with pytest.raises(ObjectMissing):
        await read(bus, "never")
    await bus.delete_object("never")


async def test_a_deleted_body_leaves_nothing_but_its_mark(bus: Bus) -> None:
    await bus.put_object("a", pieces(os.urandom(1_000_000)))
    await bus.delete_object("a")
    with pytest.raises(ObjectMissing):
        await read(bus, "a")
    assert await stored_messages(bus) == 1


async def test_a_second_body_takes_the_place_of_the_first(bus: Bus) -> None:
    await bus.put_object("a", pieces(os.urandom(1_000_000)))
    await bus.put_object("a", pieces(b"second"))
    assert await read(bus, "a") == b"second"
    assert await stored_messages(bus) == 2


async def test_an_upload_that_breaks_off_leaves_nothing(bus: Bus) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield os.urandom(500_000)
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await bus.put_object("a", broken())
    assert await stored_messages(bus) == 0


async def test_a_body_with_a_missing_piece_is_not_passed_on_as_whole(bus: Bus) -> None:
    await bus.put_object("a", pieces(os.urandom(1_000_000)))
    await ask(bus, f"$JS.API.STREAM.MSG.DELETE.{STREAM}", json.dumps({"seq": 3}).encode())
    with pytest.raises(DamagedObject):
        await read(bus, "a")


async def test_the_format_is_that_of_any_nats_client(bus: Bus) -> None:
    await bus.put_object("a", pieces(b"hello"))
    store = await bus.client.jetstream().object_store("transfer")
    assert (await store.get("a")).data == b"hello"
    await store.put("b", b"from nats-py")
    assert await read(bus, "b") == b"from nats-py"
    await bus.delete_object("a")
    with pytest.raises(nats.js.errors.ObjectNotFoundError):
        await store.get("a")
