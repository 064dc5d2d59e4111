"""``minirag subscriber``: who from outside may hear a tenant's events. Takes effect at once in a running stack."""

import asyncio
import os
import signal

from minirag_admin.deployment import OPERATOR
from minirag_contracts.requests.gateway import FindTenant, TenantFound

from minirag_local import nats_server
from minirag_local.bus_probe import BusAddress, ping
from minirag_local.credentials import Credentials
from minirag_local.deployment import LocalDeployment
from minirag_local.errors import NotRunning, StackError, UnhealthyError
from minirag_local.folder import DataFolder
from minirag_local.state import RunState
from minirag_local.subscribers import Subscriber, Subscribers

RELOAD_TRIES, RELOAD_PAUSE = 100, 0.05
"""How often, and with which pause in seconds, we look whether the server knows its users anew."""


async def add(folder: DataFolder, tenant: str) -> None:
    """A new user for a tenant, given by slug or id; its password is printed here and never again."""
    async with LocalDeployment(folder).access().bus() as bus:
        found = await bus.request(FindTenant(slug_or_id=tenant), TenantFound, OPERATOR)
    subscriber = Subscriber.generate(found.id, found.slug)
    Subscribers.of(folder).plus(subscriber).write(folder)
    await _apply(folder, subscriber, welcome=True)
    print(f"url       {RunState.read(folder).addresses.of('nats')}")
    print(f"user      {subscriber.user}")
    print(f"password  {subscriber.password}   (shown this once)")
    print(f"inbox     {subscriber.inbox}   (the prefix of its replies)")
    for subject in subscriber.grants.subscribe[:-1]:
        print(f"subject   {subject}")


def listed(folder: DataFolder) -> None:
    """One line for each."""
    for subscriber in Subscribers.of(folder).by_user.values():
        print(f"{subscriber.user} tenant {subscriber.slug} ({subscriber.tenant_id})")


async def remove(folder: DataFolder, user: str) -> None:
    """Forget a user; its connections are closed at once."""
    known = Subscribers.of(folder)
    rest = known.minus(user)
    rest.write(folder)
    try:
        await _apply(folder, known.by_user[user], welcome=False)
    except NotRunning:
        print(f"{user} is removed.")
    else:
        print(f"{user} is removed, and its connections are closed.")


async def _apply(folder: DataFolder, subscriber: Subscriber, welcome: bool) -> None:
    """Let the running server read its users again, and wait until it treats this one as it should."""
    state = RunState.read(folder)
    port = state.addresses.nats_port
    nats_server.configure(folder, Credentials.of(folder), port)
    pid = state.processes.get("nats")
    if pid is not None:
        os.kill(pid, signal.SIGHUP)
    address = BusAddress("127.0.0.1", port, subscriber.user, subscriber.password)
    for _ in range(RELOAD_TRIES):
        if await _accepted(address) == welcome:
            return
        await asyncio.sleep(RELOAD_PAUSE)
    raise StackError(
        "The bus did not take the change yet; it does at the next start. `minirag logs nats` says why."
    )


async def _accepted(address: BusAddress) -> bool:
    try:
        await ping(address)
    except UnhealthyError:
        return False
    return True
