"""Three processes of every service behind one bus, under load: nothing is lost or doubled, and everything is in order.

``MINIRAG_CHAOS=1`` (``make chaos``) asks sixteen times as much.
"""

import asyncio
import os
from collections.abc import Iterator

import httpx
import pytest
from accounts import assert_accounts
from api import Tenant, text_of
from deployment import SCALED
from minirag_contracts.topology import SERVICES
from minirag_local.control import restart
from minirag_local.testing import Stack, running_stack
from openai_server import fake_openai
from receiver import receiving
from steady_load import Load

LONG = bool(os.environ.get("MINIRAG_CHAOS"))
SLOW = ["chat", "gateway"] if LONG else ["chat"]
SEED = 20_261_126
TURNS, SOURCES = (400, 40) if LONG else (25, 6)


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack with three of each."""
    with fake_openai() as (fake_url, _):
        settings = {
            "MINIRAG_REPLICAS": "3",
            "MINIRAG_EGRESS_ALLOW": "127.0.0.1",
            "OPENAI_API_KEY": "sk-replicas",
            "OPENAI_BASE_URL": fake_url,
        }
        with running_stack(tmp_path_factory.mktemp("three"), env=settings) as stack:
            yield stack


def test_each_process_is_shown_with_its_own_health(three: Stack) -> None:
    shown = {process["name"]: process for process in three.status()}
    if "supervisor" in shown:
        names = [f"{service}{end}" for service in SERVICES for end in ("", "-2", "-3")]
        assert list(shown) == ["supervisor", "nats", "postgres", "vectors", *names]
    else:
        scaled = {f"{service}{end}" for service in SCALED for end in ("", "-2", "-3")}
        assert set(shown) == {"nats", "postgres", "vectors", "gateway", *scaled}
    assert {process["health"] for process in shown.values()} == {"ok"}
    assert len({process["pid"] for process in shown.values()}) == len(shown)
    three.kill("chat-2")
    ill = {process["name"] for process in three.status() if process["health"] != "ok"}
    assert ill == {"chat-2"}
    three.wait_healthy()


@pytest.mark.chaos
@pytest.mark.timeout(1800 if LONG else 300)
async def test_nothing_is_lost_doubled_or_out_of_order(three: Stack) -> None:
    async with httpx.AsyncClient(base_url=three.url, timeout=60) as http, receiving() as receiver:
        load = await Load.prepared(await Tenant.sign_up(http), three.url, receiver, SEED)
        await load.during(load.enough(TURNS, SOURCES, 600 if LONG else 60), plain=4, streamed=4)
        assert load.failures == []
        await assert_accounts(three, load, receiver)


@pytest.mark.chaos
@pytest.mark.timeout(300)
async def test_answers_that_take_their_time_are_finished_by_the_processes_that_are_replaced(
    three: Stack,
) -> None:
    folder = three.folder
    async with httpx.AsyncClient(base_url=three.url, timeout=60) as http:
        tenant = await Tenant.sign_up(http)
        bot_id = await tenant.bot(model="openai/fake--tokens-40--gap-150")
        asked = [asyncio.create_task(tenant.ask_streamed(bot_id, "What does the fox do?")) for _ in range(6)]
        await asyncio.sleep(1)
        told: list[str] = []
        await restart(folder, SLOW, told.append)
        for events in await asyncio.gather(*asked):
            assert [event.event for event in events] == ["sources", *["delta"] * (len(events) - 2), "done"]
            assert len(text_of(events).split()) == 40
        assert len(told) == 1 + 3 * len(SLOW), told
