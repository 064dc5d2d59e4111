"""Counters that all processes share: one message with an increment, one acknowledgement with the total (NATS ADR-49)."""

from minirag_contracts.errors import Unavailable

from minirag_messaging.connection import Connection
from minirag_messaging.jetstream_api import JetStreamRefusal, ask

INCREMENT = "Nats-Incr"


async def add(connection: Connection, subject: str, amount: int, seconds: float) -> int:
    """The total after adding ``amount``, which may be negative. Raises Unavailable."""
    if not connection.connected.is_set():
        raise Unavailable("no connection to count with")
    try:
        acknowledgement = await ask(connection, subject, headers={INCREMENT: f"{amount:+d}"}, seconds=seconds)
    except JetStreamRefusal as refusal:
        raise Unavailable(f"the counter was not changed: {refusal}") from refusal
    return int(acknowledgement["val"])
