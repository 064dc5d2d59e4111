"""``/v1/tenants``: sign-up, and who one is."""

from dataclasses import replace

from fastapi import Request, Response
from minirag_contracts.ids import derived_id, new_id

from minirag_gateway.commands.tenants import TenantSignedUp
from minirag_gateway.domain.access import Permission
from minirag_gateway.domain.tenant import TenantRead
from minirag_gateway.entrypoints.http.answers import one
from minirag_gateway.entrypoints.http.bodies import read_json
from minirag_gateway.entrypoints.http.limits import SIGNUPS
from minirag_gateway.entrypoints.http.routing import Resource, call_of
from minirag_gateway.entrypoints.http.schemas.tenants import TenantCreate, TenantUpdate

resource = Resource("Tenants")


@resource.route(
    "POST",
    "/v1/tenants",
    Permission.PUBLIC,
    body=TenantCreate,
    returns=TenantSignedUp,
    status=201,
    refuses=(403, 409, 413),
    limits=(SIGNUPS,),
)
async def create_tenant(request: Request) -> Response:
    """Signs an organisation up, with its owner and an API token that is shown this once.

    Whoever runs this MiniRAG decides whether anybody may do this, or whoever has an `invite`, or nobody.
    """
    call = call_of(request)
    body = await read_json(request, TenantCreate)
    # With a key the tenant's id follows from it, so that a repeated sign-up finds what the first one did.
    tenant_id = derived_id("tenant", call.command_id) if call.key else new_id()
    signed_up = await call.services.identity.tenants.create(
        replace(call.context, tenant_id=tenant_id),
        name=body.tenant_name,
        slug=body.tenant_slug,
        email=body.owner_email,
        password=body.owner_password.get_secret_value(),
        display_name=body.owner_display_name,
        invite=body.invite.get_secret_value() if body.invite else None,
    )
    return one(signed_up, 201)


@resource.route("GET", "/v1/tenants/me", Permission.IDENTIFY, returns=TenantRead)
async def read_own_tenant(request: Request) -> Response:
    """The tenant of the caller."""
    return one(call_of(request).principal.tenant)


@resource.route(
    "PATCH",
    "/v1/tenants/me",
    Permission.MANAGE_TENANT,
    body=TenantUpdate,
    returns=TenantRead,
    refuses=(409, 413),
)
async def update_own_tenant(request: Request) -> Response:
    """Gives the caller's tenant another name."""
    call = call_of(request)
    body = await read_json(request, TenantUpdate)
    return one(await call.services.identity.tenants.rename(call.context, body.tenant_name))
