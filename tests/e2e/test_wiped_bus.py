"""The bus is a window: without its disk nothing is missing."""

import asyncio

from api import Tenant
from minirag_contracts.topology import STREAM_OF
from minirag_local.testing import Stack
from owners import bus_of, events_of_owner, restart_without_bus
from receiver import receiving
from stack_rows import admin_of


async def test_wiping_the_bus_between_stop_and_start_loses_nothing(stack: Stack, tenant: Tenant) -> None:
    bot_id = await tenant.bot()
    await tenant.ready(
        await tenant.text_source(bot_id, "The ferry to the island leaves at seven every morning.")
    )
    reply = await tenant.ask(bot_id, "When does the ferry leave?")
    before = {owner: len(await events_of_owner(stack, owner, [])) for owner in STREAM_OF}

    await asyncio.to_thread(restart_without_bus, stack)

    assert "seven" in (await tenant.ask(bot_id, "When does the ferry leave?"))["message"]["content"]
    history = await tenant.call("GET", f"/v1/chat/{reply['chat_id']}/messages", 200)
    assert history[1]["content"] == reply["message"]["content"]
    async with asyncio.timeout(30):
        while not await streams_hold(stack, before):
            await asyncio.sleep(0.2)
    async with asyncio.timeout(40):
        while (await tenant.call("GET", "/v1/stats/overview", 200))["chats"] != 2:
            await asyncio.sleep(0.2)
    async with asyncio.timeout(30):
        while await unheard_answers(stack, tenant):
            await asyncio.sleep(0.2)
    async with receiving() as receiver:
        await tenant.call(
            "POST", "/v1/webhooks", 201, json={"url": receiver.url(), "events": ["chat.message"]}
        )
        await tenant.ask(bot_id, "When does the ferry leave?")
        await receiver.wait(1)
        await asyncio.sleep(1)
        assert len(receiver.received) == 1


async def unheard_answers(stack: Stack, tenant: Tenant) -> int:
    """The tenant's answers that webhooks has not reacted to: an endpoint that is made meanwhile would be told of them."""
    answers = await events_of_owner(stack, "chat", ["chat.message.completed"])
    positions = [event.position for event in answers if str(event.tenant_id) == tenant.id]
    connection = await admin_of(stack)
    try:
        unheard: int = await connection.fetchval(
            """SELECT count(*) FROM unnest($1::bigint[]) AS answer (position)
               WHERE NOT EXISTS (SELECT FROM webhooks.inbox i WHERE i.consumer = $2 AND i.position = answer.position)
               AND NOT EXISTS (SELECT FROM webhooks.progress p WHERE p.consumer = $2 AND p.position >= answer.position)""",
            positions,
            "webhooks_answers",
        )
    finally:
        await connection.close()
    assert len(positions) == 2
    return unheard


async def streams_hold(stack: Stack, least: dict[str | None, int]) -> bool:
    """Does every stream hold at least that many events?"""
    bus = await bus_of(stack)
    try:
        manager = bus.client.jsm()
        counts = {
            owner: (await manager.stream_info(spec.name)).state.messages
            for owner, spec in STREAM_OF.items()
            if owner
        }
    finally:
        await bus.close()
    return all(counts[owner] >= count for owner, count in least.items() if owner)
