"""What runs without being asked: loading the model, looking after the points, collecting old versions."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta

from minirag_contracts.errors import Unavailable
from minirag_eventstore import DATABASE_FAILED, WorkRunner
from minirag_service import Runtime

from minirag_retrieval.commands.collection import COLLECT, Collection
from minirag_retrieval.commands.restoring import Restoring

LOOK_EVERY = 2.0
"""Seconds between two looks at the engine."""
LEASE = timedelta(seconds=60)

log = logging.getLogger(__name__)


def register(
    runtime: Runtime,
    collection: Collection,
    restoring: Restoring,
    load_model: Callable[[], Awaitable[None]],
    check_model: Callable[[], Awaitable[None]],
) -> None:
    """Runs it with the service, and makes its state a part of health."""
    runtime.work(WorkRunner(runtime.store, COLLECT, collection.collect, concurrency=1, lease=LEASE))

    async def model() -> None:
        await load_model()
        await asyncio.Event().wait()

    async def vectors() -> None:
        while True:
            await look(restoring)
            await asyncio.sleep(LOOK_EVERY)

    runtime.background("model", model)
    runtime.background("vectors", vectors)
    runtime.check("model", check_model)
    runtime.check("vectors", restoring.check)


async def look(restoring: Restoring) -> None:
    """One look; an engine or a database that is away is waited for."""
    try:
        await restoring.look()
    except Unavailable as error:
        log.warning("the vectors cannot be checked", extra={"reason": error.detail})
    except DATABASE_FAILED as error:
        log.warning("the database does not answer", extra={"reason": repr(error)})
