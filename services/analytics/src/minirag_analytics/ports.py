"""What the queries need from outside."""

from typing import Protocol

from minirag_contracts.context import TenantScope
from minirag_contracts.requests.analytics import Overview


class Figures(Protocol):
    """Reads the projections of one tenant."""

    async def overview(self, scope: TenantScope) -> Overview:
        """The sums over everything that the tenant has and has used."""
        ...
