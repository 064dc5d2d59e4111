"""Signals that chat listens to, each to its use case."""

import asyncio
from collections.abc import Callable
from uuid import UUID

from minirag_contracts.signals import StopAnswer, stop_subject
from minirag_service import Runtime


def register(runtime: Runtime, stop: Callable[[UUID], None]) -> None:
    """Hears which answers are wanted no more; only the process that writes one has something to stop."""

    async def listen() -> None:
        async with runtime.bus.signals(
            stop_subject("*"), StopAnswer, lambda _, signal: stop(signal.message_id)
        ):
            await asyncio.Event().wait()

    runtime.background("stop signals", listen)
