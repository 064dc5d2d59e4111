"""Requests of the operator."""

from minirag_contracts.requests.gateway import CreateInvite
from minirag_service import Runtime

from minirag_gateway.commands.invites import InviteCommands


def register(runtime: Runtime, invites: InviteCommands) -> None:
    """Answers ``rpc.gateway.*``."""
    runtime.on(CreateInvite, invites.create)
