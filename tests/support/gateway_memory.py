"""What a gateway under test remembers of credentials, and when it asks the database."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from gateway_world import World
from minirag_gateway.ports import Lookup
from minirag_gateway.queries.principals import Principals


def principals_of(world: World) -> Principals:
    """What the gateway remembers of credentials."""
    run: Any = world.runtime.backgrounds["token-use"]
    found: Principals = run.args[0]
    return found


async def settled(world: World) -> None:
    """Until the gateway has heard every event that there is, so that nothing remembered is forgotten any more."""
    async with world.runtime.database.system() as connection:
        events = await connection.fetchval("SELECT count(*) FROM events")
    feed = principals_of(world).feed
    async with asyncio.timeout(10):
        while not feed.fresh or feed._heard < events:
            await asyncio.sleep(0.01)


@contextmanager
def counted_look_ups(world: World) -> Iterator[list[Lookup]]:
    """Every question of a credential to the database while it is entered."""
    credentials: Any = principals_of(world)._credentials
    find, asked = credentials.find, []

    async def noting(lookup: Lookup) -> Any:
        asked.append(lookup)
        return await find(lookup)

    credentials.find = noting
    try:
        yield asked
    finally:
        credentials.find = find
