"""The keys of secrets at rest, replaced: add, use, rotate, drop; each step refuses to come too early.

While a deployment is restarted, processes of old and new settings run side by side. So a key is added as the last, which only
opens, and seals when all of them know it.
"""

from collections.abc import AsyncIterator, Sequence

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
    """The ids of the keys, the one that seals first; never a key."""
    for number, key in enumerate(deployment.key_ring().keys()):
        print(f"{key_id(key)} {'seals and opens' if number == 0 else 'opens only'}")


def add(deployment: Deployment) -> None:
    """A new key that opens only; where everything stops before anything starts again, one that seals as well."""
    ring = deployment.key_ring()
    key = new_key()
    command = f"{deployment.command} keys"
    if deployment.stops_as_a_whole:
        ring.replace([key, *ring.keys()])
        print(f"{key_id(key)} is the newest key. It takes effect at the next start: {deployment.restart}.")
        print(f"Then `{command} rotate` seals everything with it, and `{command} drop` forgets the others.")
    else:
        ring.replace([*ring.keys(), key])
        print(f"{key_id(key)} is a new key that opens only: {deployment.restart}.")
        print(f"When no process from before is left, `{command} use {key_id(key)}` lets it seal.")


async def use(deployment: Deployment, which: str) -> None:
    """From the next start on this key seals, and the others open only; refuses while a service does not open with it."""
    ring = deployment.key_ring()
    keys = _with_first(ring.keys(), which)
    async with deployment.access().bus() as bus:
        late = [service for service in SERVICES if which not in await _opening_keys(bus, service)]
    if late:
        raise StackError(
            f"Not every service opens with {which} yet ({', '.join(late)}): {deployment.restart}, then try again."
        )
    ring.replace(keys)
    command = f"{deployment.command} keys"
    print(f"{which} seals from the next start on: {deployment.restart}.")
    print(f"Then `{command} rotate` seals everything with it, and `{command} drop` forgets the others.")


async def rotate(deployment: Deployment) -> None:
    """Let every service seal anew what lies under another key than the first; one line for each table."""
    print(f"{key_id(deployment.key_ring().keys()[0])} is the key that seals.")
    async for service, reply in _ask_all(deployment, dry_run=False):
        for table in reply.tables:
            unreadable = f", {table.unreadable} that no key opens" if table.unreadable else ""
            print(f"{service} {table.table}: {table.outdated} of {table.rows} sealed anew{unreadable}")


async def drop(deployment: Deployment) -> None:
    """Forget all keys but the one that seals, unless something still needs them."""
    ring = deployment.key_ring()
    sealing, *others = ring.keys()
    if not others:
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
    ring.replace([sealing])
    print(f"{key_id(sealing)} is the only key now; the running services forget the others at the next start.")


def _with_first(keys: Sequence[str], which: str) -> list[str]:
    """The same keys, the one with this id in front."""
    chosen = [key for key in keys if key_id(key) == which]
    if not chosen:
        raise StackError(f"There is no key {which!r}: they are {', '.join(map(key_id, keys))}.")
    return [*chosen, *(key for key in keys if key not in chosen)]


async def _ask_all(deployment: Deployment, dry_run: bool) -> AsyncIterator[tuple[str, SecretsReply]]:
    """Every service's answer; refuses before anything is changed where one does not seal with the first key yet."""
    sealing = key_id(deployment.key_ring().keys()[0])
    async with deployment.access().bus() as bus:
        late = [service for service in SERVICES if await _sealing_key(bus, service) != sealing]
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
    return str((await _details(bus, service)).get("sealing_key"))


async def _opening_keys(bus: Bus, service: str) -> Sequence[str]:
    """Those of the process that answers."""
    found = (await _details(bus, service)).get("opening_keys", ())
    return found if isinstance(found, list) else ()


async def _details(bus: Bus, service: str) -> dict[str, object]:
    return (await bus.ask(service, "health", HealthCheck(), HealthReply, OPERATOR)).details
