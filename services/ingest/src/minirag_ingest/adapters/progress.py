"""Progress over the bus."""

from minirag_contracts.context import TenantScope
from minirag_contracts.signals import Progress, progress_subject
from minirag_messaging import Bus


class BusProgress:
    """The port ProgressSignal."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def tell(self, scope: TenantScope, progress: Progress) -> None:
        """To whoever listens at this moment."""
        await self._bus.signal(progress_subject(scope.tenant_id), progress)
