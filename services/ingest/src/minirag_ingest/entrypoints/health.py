"""What makes this service unwell."""

from collections.abc import Awaitable, Callable

from minirag_ingest.commands.given import MIN_FREE
from minirag_ingest.errors import DiskFull
from minirag_ingest.ports import Disk


def disk_check(disk: Disk) -> Callable[[], Awaitable[None]]:
    """A check that raises, with a sentence, when the disk is nearly full."""

    async def disk_has_room() -> None:
        if disk.free() < MIN_FREE:
            raise DiskFull

    return disk_has_room
