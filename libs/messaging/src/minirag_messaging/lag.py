"""How far a durable consumer is behind its stream, as the server tells."""

from dataclasses import dataclass

from minirag_contracts.errors import Unavailable
from minirag_contracts.topology import ConsumerSpec

from minirag_messaging.connection import Connection
from minirag_messaging.jetstream_api import JetStreamRefusal, ask


@dataclass(frozen=True, slots=True)
class Lag:
    """Events that are not yet delivered, and those that are delivered and not acknowledged."""

    pending: int
    unacknowledged: int


async def lag_of(bus: Connection, spec: ConsumerSpec) -> Lag | None:
    """None where it cannot be told: no bus, or no such consumer at this moment."""
    if not bus.connected.is_set():
        return None
    try:
        info = await ask(bus, f"$JS.API.CONSUMER.INFO.{spec.stream}.{spec.durable}", seconds=2.0)
    except (JetStreamRefusal, Unavailable):
        return None
    return Lag(int(info["num_pending"]), int(info["num_ack_pending"]))
