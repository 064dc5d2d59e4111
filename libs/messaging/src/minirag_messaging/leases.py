"""Keeps the server from delivering again what this process still holds, queued or running."""

import asyncio
import logging

import nats.errors
from nats.aio.msg import Msg

log = logging.getLogger(__name__)


class Leases:
    """Renews the lease of every held message each ``interval`` seconds. ``run`` is a task of the consumer's
    runner.
    """

    def __init__(self) -> None:
        self.interval = 10.0
        self._held: dict[str, Msg] = {}
        self._something = asyncio.Event()

    def hold(self, msg: Msg) -> None:
        """From its arrival on. ``reply`` names the delivery, not only the message."""
        self._held[msg.reply] = msg
        self._something.set()

    def release(self, msg: Msg) -> None:
        """Before it is acknowledged, one way or the other."""
        self._held.pop(msg.reply, None)
        if not self._held:
            self._something.clear()

    async def run(self) -> None:
        """Sleeps while nothing is held."""
        while True:
            await self._something.wait()
            await asyncio.sleep(self.interval)
            for msg in list(self._held.values()):
                try:
                    await msg.in_progress()
                except nats.errors.Error as error:
                    log.warning("a lease could not be renewed", extra={"reason": repr(error)})
