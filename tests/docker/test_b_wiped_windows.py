"""Postgres is the truth: the bus' disk and the vectors can be thrown away, and what was in them comes back."""

import asyncio

from api import Tenant
from deployment import Deployment
from minirag_contracts.topology import STREAM_OF
from owners import bus_of, events_of_owner

QUESTION = "When does the ferry to the island leave?"


async def streams_hold(deployment: Deployment, least: dict[str, int]) -> bool:
    bus = await bus_of(deployment)
    try:
        manager = bus.client.jsm()
        infos = {owner: await manager.stream_info(spec.name) for owner, spec in STREAM_OF.items() if owner}
    finally:
        await bus.close()
    return all(infos[owner].state.messages >= count for owner, count in least.items())


async def test_without_the_disks_of_the_bus_and_of_the_vectors_nothing_is_missing(
    deployment: Deployment, tenant: Tenant
) -> None:
    bot_id = await tenant.bot()
    await tenant.ready(
        await tenant.text_source(bot_id, "The ferry to the island leaves at seven every morning.")
    )
    reply = await tenant.answered(bot_id, QUESTION, refusals=range(500, 600))
    before = {owner: len(await events_of_owner(deployment, owner, [])) for owner in STREAM_OF if owner}

    volumes = deployment.volumes()
    for line in deployment.documented("To throw both away"):
        await asyncio.to_thread(deployment.shell, line)
    assert {name for name, made in deployment.volumes().items() if made != volumes[name]} == {
        "nats",
        "vectors",
    }

    again = await tenant.answered(bot_id, QUESTION, refusals=range(500, 600))
    assert again["message"]["content"] == reply["message"]["content"]
    assert (
        again["sources"] == reply["sources"]
        or again["sources"][0]["source_id"] == reply["sources"][0]["source_id"]
    )
    async with asyncio.timeout(60):
        while not await streams_hold(deployment, before):
            await asyncio.sleep(0.3)
    async with asyncio.timeout(60):
        while (await tenant.call("GET", "/v1/stats/overview", 200))["chats"] != 2:
            await asyncio.sleep(0.3)
