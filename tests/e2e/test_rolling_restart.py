"""A rolling restart of everything that can be restarted, under load: not one request fails and not one event is lost.

``MINIRAG_CHAOS=1`` (``make chaos``) restarts everything five times, with more clients.
"""

import asyncio
import os

import pytest
from accounts import assert_accounts
from api import Tenant
from minirag_local.control import restart
from minirag_local.testing import Stack
from receiver import receiving
from steady_load import Load

LONG = bool(os.environ.get("MINIRAG_CHAOS"))
SINGLE = {"supervisor", "nats", "postgres"}


@pytest.mark.chaos
@pytest.mark.timeout(1800 if LONG else 300)
async def test_no_request_fails_and_nothing_is_lost_while_everything_is_restarted(
    stack: Stack, tenant: Tenant
) -> None:
    before = {process["name"]: process["pid"] for process in stack.status()}
    told: list[str] = []
    async with receiving() as receiver:
        load = await Load.prepared(tenant, stack.url, receiver)
        crowd = {"plain": 4, "streamed": 4} if LONG else {"plain": 2, "streamed": 2}
        await load.during(_restart(stack, told, 5 if LONG else 1), **crowd)
        assert load.failures == []
        assert min(len(load.plain), len(load.streamed), len(load.sources), load.others) > 5
        await assert_accounts(stack, load, receiver)
    after = {process["name"]: process["pid"] for process in stack.status()}
    assert {name for name in before if before[name] == after[name]} == SINGLE
    assert [line.split()[0] for line in told if "is restarted" in line][: len(after) - 3] == [
        *(name for name in after if name not in {*SINGLE, "gateway"}),
        "gateway",
    ]
    assert not [line for line in told if line.startswith("the old")], told


async def _restart(stack: Stack, told: list[str], times: int) -> None:
    await asyncio.sleep(1)
    for _ in range(times):
        await restart(stack.folder, [], told.append)
    await asyncio.sleep(1)
