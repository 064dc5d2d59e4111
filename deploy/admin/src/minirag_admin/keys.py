"""The keys of secrets at rest, replaced: add, restart, rotate, drop; each step refuses to come too early."""

from collections.abc import AsyncIterator

from minirag_contracts.requests.common import HealthCheck, HealthReply, SecretsReply, SecretsRotate
from minirag_contracts.topology import SERVICES
from minirag_messaging import Bus
from minirag_service.sealing import key_id

from minirag_admin.credentials import new_key
from minirag_admin.deployment import OPERATOR, Deployment
from minirag_admin.errors import StackError

TIMEOUT = 3600.0
"""Seconds that one service may take for all that it has sealed."""


def listed(deployment: Deployment) -> None:
    """The ids of the keys, newest first; never a key."""
    for number, key in enumerate(deployment.key_ring().keys()):
        print(f"{key_id(key)} {'seals and opens' if number == 0 else 'opens only'}")


def add(deployment: Deployment) -> None:
    """A new key in front of the others."""
    ring = deployment.key_ring()
    key = new_key()
    ring.replace([key, *ring.keys()])
    command = f"{deployment.command} keys"
    print(f"{key_id(key)} is the newest key. It takes effect at the next start: {deployment.restart}.")
    print(f"Then `{command} rotate` seals everything with it, and `{command} drop` forgets the others.")


async def rotate(deployment: Deployment) -> None:
    """Let every service seal anew what lies under an old key; one line for each table."""
    async for service, reply in _ask_all(deployment, dry_run=False):
        for table in reply.tables:
            unreadable = f", {table.unreadable} that no key opens" if table.unreadable else ""
            print(f"{service} {table.table}: {table.outdated} of {table.rows} sealed anew{unreadable}")


async def drop(deployment: Deployment) -> None:
    """Forget all keys but the newest, unless something still needs them."""
    ring = deployment.key_ring()
    newest, *older = ring.keys()
    if not older:
        raise StackError("There is only one key, and it is needed.")
    waiting = {
        f"{service} {table.table}": table.outdated
        async for service, reply in _ask_all(deployment, dry_run=True)
        for table in reply.tables
        if table.outdated
    }
    if waiting:
        found = ", ".join(f"{count} in {table}" for table, count in waiting.items())
        raise StackError(
            f"Old keys are still needed ({found}): run `{deployment.command} keys rotate` first."
        )
    ring.replace([newest])
    print(f"{key_id(newest)} is the only key now; the running services forget the others at the next start.")


async def _ask_all(deployment: Deployment, dry_run: bool) -> AsyncIterator[tuple[str, SecretsReply]]:
    """Every service's answer; refuses before anything is changed where one does not seal with the newest key yet."""
    newest = key_id(deployment.key_ring().keys()[0])
    async with deployment.access().bus() as bus:
        late = [service for service in SERVICES if await _sealing_key(bus, service) != newest]
        if late:
            raise StackError(
                f"The newest key is not in use yet ({', '.join(late)}): restart MiniRAG, then try again."
            )
        for service in SERVICES:
            question = SecretsRotate(dry_run=dry_run)
            yield (
                service,
                await bus.ask(service, "secrets.rotate", question, SecretsReply, OPERATOR, TIMEOUT),
            )


async def _sealing_key(bus: Bus, service: str) -> str:
    reply = await bus.ask(service, "health", HealthCheck(), HealthReply, OPERATOR)
    return str(reply.details.get("sealing_key"))
