"""Requests on the bus: what operators ask of the gateway."""

from minirag_contracts.requests.gateway import (
    CreateInvite,
    EndUser,
    EraseTenant,
    FindTenant,
    ListTenants,
    SetTenantServed,
)
from minirag_service import Runtime

from minirag_gateway.commands.invites import InviteCommands
from minirag_gateway.commands.operators import OperatorCommands
from minirag_gateway.queries.operators import OperatorQueries


def register(
    runtime: Runtime, invites: InviteCommands, commands: OperatorCommands, queries: OperatorQueries
) -> None:
    """Answers ``rpc.gateway.>``."""
    runtime.on(CreateInvite, invites.create)
    runtime.on(SetTenantServed, commands.set_served)
    runtime.on(EndUser, commands.end_user)
    runtime.on(EraseTenant, commands.erase)
    runtime.on(FindTenant, queries.find_tenant)
    runtime.on(ListTenants, queries.list_tenants)
