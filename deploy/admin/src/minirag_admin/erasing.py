"""Erasing for good. The gateway records the end; every service does its part as soon as it hears of it."""

import asyncio
from dataclasses import dataclass
from uuid import UUID

from minirag_contracts.requests.common import PersonErase, PersonEraseReply, TenantErase, TenantEraseReply
from minirag_contracts.requests.gateway import EndUser, EraseTenant, FindTenant, TenantFound, UserEnded
from minirag_contracts.topology import SERVICES
from minirag_messaging import Bus, RpcTimeout

from minirag_admin.deployment import OPERATOR, Deployment
from minirag_admin.errors import StackError

PAUSE = 0.2
"""Seconds between two questions whether a service has heard of it."""

TIMEOUT = 600.0
"""Seconds that one service may take for what was on its way."""


async def erase_tenant(deployment: Deployment, which: str, *, certain: bool, patience: float) -> None:
    """Prints what each service has done; raises StackError where one has not heard of it yet, or nobody is certain."""
    async with deployment.access().bus() as bus:
        tenant = await bus.request(FindTenant(slug_or_id=which), TenantFound, OPERATOR)
        if not certain:
            raise StackError(
                f"{tenant.slug} ({tenant.id}, {tenant.name}) would be erased for good: its people's accounts, its secrets, its "
                "documents with their vectors, its chats. Events stay, and in them the names and settings of bots, sources, "
                'webhooks and keys (docs/operations.md, "What erasing leaves"), and your backups. Say --yes if that is meant.'
            )
        await bus.request(EraseTenant(slug_or_id=which), TenantFound, OPERATOR)
        await deployment.shut_out(tenant.id)
        heard = await asyncio.gather(*(_erased(bus, service, tenant.id, patience) for service in SERVICES))
    late = [service for service, done in zip(SERVICES, heard, strict=True) if not done]
    print(f"{tenant.slug} ({tenant.id}) is served never again.")
    print("\n".join(f"{service}: erased" for service in SERVICES if service not in late))
    if late:
        raise StackError(
            f"{', '.join(late)} cannot be reached: what is there is erased when it runs again. "
            f"`{deployment.command} erase tenant {tenant.slug} --yes` tells."
        )


async def _erased(bus: Bus, service: str, tenant_id: UUID, patience: float) -> bool:
    """Whether a service has done its part within ``patience`` seconds."""
    try:
        async with asyncio.timeout(patience):
            while True:
                question = TenantErase(tenant_id=tenant_id)
                reply = await bus.ask(service, "tenant.erase", question, TenantEraseReply, OPERATOR, TIMEOUT)
                if reply.heard:
                    return True
                await asyncio.sleep(PAUSE)
    except (TimeoutError, RpcTimeout):
        return False


@dataclass(frozen=True, slots=True)
class Person:
    """A user of a tenant by address, or a visitor by the id that the audit log has."""

    tenant: str
    email: str | None
    visitor: str | None


async def erase_person(deployment: Deployment, person: Person, *, certain: bool) -> None:
    """Prints what each service has erased of what somebody said; the gateway, which knows them by their address, last."""
    if not certain:
        raise StackError(
            "Their questions and the answers, their address and name would be erased for good. Say --yes if that is meant."
        )
    async with deployment.access().bus() as bus:
        tenant = await bus.request(FindTenant(slug_or_id=person.tenant), TenantFound, OPERATOR)
        actor = f"visitor:{person.visitor}"
        if person.email:
            question = EndUser(slug_or_id=person.tenant, email=person.email)
            actor = (await bus.request(question, UserEnded, OPERATOR)).actor
        for service in sorted(SERVICES, key="gateway".__eq__):
            request = PersonErase(tenant_id=tenant.id, actor=actor)
            reply = await bus.ask(service, "person.erase", request, PersonEraseReply, OPERATOR, TIMEOUT)
            print(f"{service}: {reply.rows} rows of {actor}")
    print(
        f"Their sessions have ended. For a day nobody chats as {actor}, and what was on its way is erased when it comes."
    )
