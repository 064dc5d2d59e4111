"""Requests on the bus: what operators ask of the gateway."""

from minirag_contracts.requests.gateway import FindTenant
from minirag_service import Runtime

from minirag_gateway.queries.operators import OperatorQueries


def register(runtime: Runtime, operators: OperatorQueries) -> None:
    """Answers ``rpc.gateway.>``."""
    runtime.on(FindTenant, operators.find_tenant)
