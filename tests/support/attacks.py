"""What tests that attack the bus have in common."""

from minirag_messaging import Bus


async def settled(bus: Bus) -> None:
    """Until the server has seen all that was sent, and we its answers: the client's first ping may overtake them."""
    await bus.client.flush()
    await bus.client.flush()
