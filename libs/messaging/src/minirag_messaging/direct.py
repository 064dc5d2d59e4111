"""Many messages of a stream with one request (NATS ADR-31, batch direct get): no consumer has to be made for
it.
"""

import asyncio
import json

from minirag_contracts.errors import Unavailable
from nats.aio.msg import Msg

from minirag_messaging.connection import Connection
from minirag_messaging.replies import status_of

DIRECT_GET_TIMEOUT = 5.0
"""Seconds for one batch."""


class _Batch:
    """Collects the answers to one request; ``done`` holds how many more messages match."""

    def __init__(self) -> None:
        self.messages: list[Msg] = []
        self.done: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def take(self, msg: Msg) -> None:
        status = status_of(msg)
        if status is None:
            self.messages.append(msg)
        elif self.done.done():
            return
        elif status == "204":
            self.done.set_result(int((msg.headers or {}).get("Nats-Num-Pending", "0")))
        elif status == "404":
            self.done.set_result(0)
        else:
            description = (msg.headers or {}).get("Description", "")
            self.done.set_exception(Unavailable(f"stored messages cannot be read: {status} {description}"))


async def read_batch(
    connection: Connection, stream: str, subject: str, start: int, batch: int
) -> tuple[list[Msg], int]:
    """At most ``batch`` messages on ``subject`` from stream sequence ``start`` on, and how many remain.

    Each has the headers ``Nats-Sequence`` and ``Nats-Time-Stamp``. Raises Unavailable.
    """
    collected = _Batch()
    inbox = connection.client.new_inbox()
    subscription = await connection.client.subscribe(inbox, cb=collected.take)
    try:
        query = {"seq": start, "next_by_subj": subject, "batch": batch}
        await connection.client.publish(
            f"$JS.API.DIRECT.GET.{stream}", json.dumps(query).encode(), reply=inbox
        )
        async with asyncio.timeout(DIRECT_GET_TIMEOUT):
            remaining = await collected.done
    except TimeoutError as error:
        raise Unavailable(f"the stream {stream} does not answer") from error
    finally:
        await subscription.unsubscribe()
    return collected.messages, remaining


def sequence_of(msg: Msg) -> int:
    """The stream sequence of a message that was read directly."""
    return int((msg.headers or {})["Nats-Sequence"])
