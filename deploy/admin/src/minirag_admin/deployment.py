"""What an operator's verb is told of the deployment that it is for."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from minirag_contracts.context import Context
from minirag_contracts.topology import SERVICES
from minirag_messaging import Bus

from minirag_admin.bus import connected
from minirag_admin.errors import StackError

OPERATOR = Context.for_system("operator")
"""In whose name an operator's requests are made."""


@dataclass(frozen=True, slots=True, repr=False)
class Access:
    """Where the bus is, and the password of the one who may ask everything."""

    nats_url: str
    nats_password: str

    @asynccontextmanager
    async def bus(self) -> AsyncIterator[Bus]:
        """A connection; refusals become a StackError."""
        async with connected(self.nats_url, self.nats_password) as bus:
            yield bus


class KeyRing(Protocol):
    """Where the keys of secrets at rest are kept."""

    def keys(self) -> list[str]:
        """The Fernet keys, the one that seals first; raises StackError where there are none."""
        ...

    def replace(self, keys: Sequence[str]) -> None:
        """Other keys, from the next start of the services on."""
        ...


class Deployment(Protocol):
    """One deployment. ``command`` is how a person calls a verb of it, ``restart`` how they start the services anew;
    ``stops_as_a_whole``: no process from before runs beside one that has read the settings of now.
    """

    command: str
    restart: str
    stops_as_a_whole: bool

    def access(self) -> Access:
        """The way in; raises StackError where nothing runs or is configured."""
        ...

    def key_ring(self) -> KeyRing:
        """Its keys; raises StackError where they are not known here."""
        ...

    async def shut_out(self, tenant_id: UUID) -> None:
        """End what a tenant has outside of the services: its subscribers of the bus."""
        ...


def services(named: str | None) -> Sequence[str]:
    """The one that is named, or all; raises StackError for a name that no service has."""
    if named is None:
        return SERVICES
    if named not in SERVICES:
        raise StackError(f"There is no service {named!r}: they are {', '.join(SERVICES)}.")
    return (named,)
