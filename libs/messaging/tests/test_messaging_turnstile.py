"""Who waits goes in in turn: by tenant, not by who came first."""

import asyncio
from collections.abc import Sequence
from uuid import uuid4

import pytest
from minirag_contracts.errors import Unavailable
from minirag_messaging.rpc_lane import Lane
from minirag_messaging.turnstile import Turnstile


class Crowd:
    """Tasks that go through a turnstile and stay inside until they are let out."""

    def __init__(self, turnstile: Turnstile) -> None:
        self._turnstile = turnstile
        self._out: list[asyncio.Event] = []
        self.entered: list[str] = []
        self.tasks: list[asyncio.Task[None]] = []

    async def come(self, *keys: str) -> None:
        for key in keys:
            self.tasks.append(asyncio.create_task(self._go(key)))
        await self._settle()

    async def _go(self, key: str) -> None:
        async with self._turnstile.turn_of(key):
            self.entered.append(key)
            out = asyncio.Event()
            self._out.append(out)
            await out.wait()

    async def one_leaves(self) -> None:
        self._out.pop(0).set()
        await self._settle()

    async def _settle(self) -> None:
        for _ in range(5):
            await asyncio.sleep(0)

    async def all_leave(self) -> Sequence[str]:
        while self._out:
            await self.one_leaves()
        await asyncio.gather(*self.tasks)
        return self.entered


async def test_a_crowd_of_one_key_lets_another_key_go_next() -> None:
    crowd = Crowd(Turnstile(1))
    await crowd.come("a", "a", "a", "a", "b", "c")
    assert await crowd.all_leave() == ["a", "b", "c", "a", "a", "a"]


async def test_the_key_with_the_fewest_inside_goes_first() -> None:
    crowd = Crowd(Turnstile(3))
    await crowd.come("a", "a", "b", "a", "a", "b")
    await crowd.one_leaves()  # an a: one a and one b are inside
    await crowd.one_leaves()
    assert sorted(crowd.entered[3:]) == ["a", "b"]
    await crowd.all_leave()


async def test_no_key_has_more_than_its_share_inside_even_when_nobody_else_comes() -> None:
    turnstile = Turnstile(3, share=2)
    crowd = Crowd(turnstile)
    await crowd.come("a", "a", "a")
    assert crowd.entered == ["a", "a"]
    await crowd.come("b")
    assert crowd.entered == ["a", "a", "b"]
    assert turnstile.inside == 3
    assert len(await crowd.all_leave()) == 4
    assert turnstile.inside == 0


async def test_whoever_is_called_off_while_waiting_or_as_it_is_let_in_leaves_no_trace() -> None:
    turnstile = Turnstile(1)
    crowd = Crowd(turnstile)
    await crowd.come("a", "b", "b", "c")
    waiting, about_to_enter, last = crowd.tasks[1:]
    waiting.cancel()
    crowd._out.pop(0).set()
    await asyncio.sleep(0)
    about_to_enter.cancel()
    await crowd._settle()
    await asyncio.gather(waiting, about_to_enter, return_exceptions=True)
    assert crowd.entered[-1] == "c"
    crowd._out[-1].set()
    await last
    assert turnstile.inside == 0
    async with asyncio.timeout(1), turnstile.turn_of("d"):
        assert turnstile.inside == 1


async def test_one_tenant_cannot_fill_the_queue_of_a_lane() -> None:
    lane, busy, other = Lane(2, 4), uuid4(), uuid4()
    for _ in range(4):
        lane.enter(busy)
    with pytest.raises(Unavailable):
        lane.enter(busy)
    lane.enter(other)
    lane.enter(other)
    with pytest.raises(Unavailable):
        lane.enter(uuid4())
    lane.leave(busy)
    lane.enter(uuid4())
    assert lane.inside == 6
