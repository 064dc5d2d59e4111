"""What a gateway under test remembers of credentials, and when it asks the database."""

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
