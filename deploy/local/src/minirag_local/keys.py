"""``minirag keys``: replace the key of secrets at rest. Add, restart, rotate, drop; each step refuses to come too early."""

from collections.abc import AsyncIterator

from minirag_contracts.requests.common import HealthCheck, HealthReply, SecretsReply, SecretsRotate
from minirag_contracts.topology import SERVICES
from minirag_messaging import Bus
from minirag_service.sealing import key_id

from minirag_local.administration import OPERATOR, operators_bus
from minirag_local.credentials import Credentials, new_key
from minirag_local.errors import StackError
from minirag_local.folder import DataFolder

TIMEOUT = 3600.0
"""Seconds that one service may take for all that it has sealed."""


def listed(folder: DataFolder) -> None:
    """The ids of the keys, newest first; never a key."""
    for number, key in enumerate(_known(folder).keys):
        print(f"{key_id(key)} {'seals and opens' if number == 0 else 'opens only'}")


def add(folder: DataFolder) -> None:
    """A new key in front of the others."""
    credentials = _known(folder)
    key = new_key()
    credentials.with_keys([key, *credentials.keys]).write(folder)
    print(
        f"{key_id(key)} is the newest key. It takes effect at the next start: `minirag down`, `minirag up`."
    )
    print("Then `minirag keys rotate` seals everything with it, and `minirag keys drop` forgets the others.")


async def rotate(folder: DataFolder) -> None:
    """Let every service seal anew what lies under an old key; one line for each table."""
    async for service, reply in _ask_all(folder, dry_run=False):
        for table in reply.tables:
            unreadable = f", {table.unreadable} that no key opens" if table.unreadable else ""
            print(f"{service} {table.table}: {table.outdated} of {table.rows} sealed anew{unreadable}")


async def drop(folder: DataFolder) -> None:
    """Forget all keys but the newest, unless something still needs them."""
    credentials = _known(folder)
    if len(credentials.keys) == 1:
        raise StackError("There is only one key, and it is needed.")
    waiting = {
        f"{service} {table.table}": table.outdated
        async for service, reply in _ask_all(folder, dry_run=True)
        for table in reply.tables
        if table.outdated
    }
    if waiting:
        found = ", ".join(f"{count} in {table}" for table, count in waiting.items())
        raise StackError(f"Old keys are still needed ({found}): run `minirag keys rotate` first.")
    newest = credentials.keys[0]
    credentials.with_keys([newest]).write(folder)
    print(f"{key_id(newest)} is the only key now; the running services forget the others at the next start.")


async def _ask_all(folder: DataFolder, dry_run: bool) -> AsyncIterator[tuple[str, SecretsReply]]:
    """Every service's answer; refuses before anything is changed where one does not seal with the newest key yet."""
    newest = key_id(_known(folder).keys[0])
    async with operators_bus(folder) as bus:
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


def _known(folder: DataFolder) -> Credentials:
    """The folder's secrets; a folder without any gets none from a look at its keys."""
    if not folder.secrets.exists():
        raise StackError(f"{folder.root} holds no MiniRAG yet: it has no keys.")
    return Credentials.of(folder)
