"""Who asks, in tests of what lies below the gateway."""

from typing import Any
from uuid import UUID

from minirag_contracts.context import Context
from minirag_contracts.examples import TENANT_ID
from minirag_contracts.ids import new_id


def a_context(tenant_id: UUID = TENANT_ID, **fields: Any) -> Context:
    """Somebody who asks; with a ``command_id`` what they ask for can be repeated."""
    return Context(**{"actor": "user:test", "tenant_id": tenant_id, "correlation_id": new_id(), **fields})
