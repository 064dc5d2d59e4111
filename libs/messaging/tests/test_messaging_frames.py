"""Chat frames: live, and from the memory stream afterwards."""

import asyncio
from uuid import UUID

import pytest
from minirag_contracts.context import TenantScope
from minirag_contracts.frames import Frame
from minirag_contracts.ids import new_id
from minirag_messaging import Bus

pytestmark = pytest.mark.usefixtures("streams")


def a_frame(n: int, text: str = "word ") -> Frame:
    return Frame(n=n, attempt=1, event="delta", data={"content": text})


async def stored(bus: Bus, scope: TenantScope, message_id: UUID, wanted: int) -> list[Frame]:
    """The server stores a moment after it has received."""
    async with asyncio.timeout(5):
        while len(frames := await bus.stored_frames(scope, message_id)) < wanted:
            await asyncio.sleep(0.02)
    return frames


async def test_live_frames_arrive_in_order(bus: Bus) -> None:
    tenant, message = new_id(), new_id()
    sent = [a_frame(n) for n in range(50)]
    async with bus.frames(TenantScope(tenant), message) as frames:
        for frame in sent:
            await bus.publish_frame(tenant, message, frame)
        got = []
        async with asyncio.timeout(5):
            async for frame in frames:
                got.append(frame)
                if len(got) == len(sent):
                    break
    assert got == sent


async def test_another_turns_frames_do_not_arrive(bus: Bus) -> None:
    tenant, message = new_id(), new_id()
    async with bus.frames(TenantScope(tenant), message) as frames:
        await bus.publish_frame(tenant, new_id(), a_frame(0))
        await bus.publish_frame(new_id(), message, a_frame(0))
        assert await frames.next(0.1) is None
        await bus.publish_frame(tenant, message, a_frame(1))
        assert await frames.next(2) == a_frame(1)


async def test_stored_frames_are_those_after_a_number(bus: Bus) -> None:
    tenant, message = new_id(), new_id()
    for n in range(1200):
        await bus.publish_frame(tenant, message, a_frame(n))
        await bus.publish_frame(tenant, new_id(), a_frame(n))
    scope = TenantScope(tenant)
    assert await stored(bus, scope, message, 1200) == [a_frame(n) for n in range(1200)]
    assert [frame.n for frame in await bus.stored_frames(scope, message, after=1196)] == [1197, 1198, 1199]


async def test_frames_that_never_were_are_an_empty_list(bus: Bus) -> None:
    assert await bus.stored_frames(TenantScope(new_id()), new_id()) == []


async def test_large_frames_are_stored_whole(bus: Bus) -> None:
    tenant, message = new_id(), new_id()
    sent = [a_frame(n, "x" * 1_000_000) for n in range(12)]
    for frame in sent:
        await bus.publish_frame(tenant, message, frame)
    assert await stored(bus, TenantScope(tenant), message, len(sent)) == sent
