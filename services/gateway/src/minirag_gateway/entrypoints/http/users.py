"""``/v1/users``: who may act for a tenant."""

from uuid import UUID

from fastapi import Request, Response
from minirag_contracts.events.gateway import Role

from minirag_gateway.commands.users import ResetIssued
from minirag_gateway.domain.access import Permission
from minirag_gateway.entrypoints.http.answers import MAX_LIMIT, Cursor, Limit, one, page
from minirag_gateway.entrypoints.http.bodies import read_json
from minirag_gateway.entrypoints.http.calls import Call
from minirag_gateway.entrypoints.http.limits import PASSWORDS
from minirag_gateway.entrypoints.http.routing import Resource, call_of
from minirag_gateway.entrypoints.http.schemas.users import UserCreate, UserUpdate
from minirag_gateway.errors import Forbidden
from minirag_gateway.queries.users import UserRead

resource = Resource("Users")


@resource.route(
    "POST",
    "/v1/users",
    Permission.MANAGE_USERS,
    body=UserCreate,
    returns=UserRead,
    status=201,
    refuses=(409, 413),
)
async def create_user(request: Request) -> Response:
    """Makes a user; only owners make owners."""
    call = call_of(request)
    body = await read_json(request, UserCreate)
    await call.meter.take(PASSWORDS, str(call.principal.tenant.id))
    user = await call.services.identity.users.create(
        call.context,
        _role(call),
        email=body.email,
        display_name=body.display_name,
        role=body.role,
        password=body.password.get_secret_value(),
    )
    return one(user, 201)


@resource.route("GET", "/v1/users", Permission.READ_USERS, returns=list[UserRead])
async def list_users(request: Request, limit: Limit = MAX_LIMIT, cursor: Cursor = None) -> Response:
    """The tenant's users by e-mail, inactive ones included."""
    call = call_of(request)
    users, following = await call.services.identity.user_queries.list(call.context.scope, limit, cursor)
    return page(request, users, following, limit)


@resource.route("GET", "/v1/users/{user_id}", Permission.READ_USERS, returns=UserRead, refuses=(404,))
async def read_user(request: Request, user_id: UUID) -> Response:
    """One user."""
    call = call_of(request)
    return one(await call.services.identity.user_queries.get(call.context.scope, user_id))


@resource.route(
    "PATCH",
    "/v1/users/{user_id}",
    Permission.MANAGE_USERS,
    body=UserUpdate,
    returns=UserRead,
    refuses=(404, 409, 413),
)
async def update_user(request: Request, user_id: UUID) -> Response:
    """Changes what is given. Another password ends the user's logins; a tenant keeps at least one active owner."""
    call = call_of(request)
    body = await read_json(request, UserUpdate)
    if body.password is not None:
        await call.meter.take(PASSWORDS, str(call.principal.tenant.id))
    return one(await call.services.identity.users.update(call.context, _role(call), user_id, body.changes()))


@resource.route("DELETE", "/v1/users/{user_id}", Permission.MANAGE_USERS, status=204, refuses=(404, 409))
async def deactivate_user(request: Request, user_id: UUID) -> Response:
    """Deactivates a user: their tokens and logins are worth nothing within a second. `is_active` in a PATCH brings them back."""
    call = call_of(request)
    await call.services.identity.users.deactivate(call.context, _role(call), user_id)
    return Response(status_code=204)


@resource.route(
    "POST",
    "/v1/users/{user_id}/password-reset",
    Permission.MANAGE_USERS,
    returns=ResetIssued,
    status=201,
    refuses=(404, 409),
)
async def issue_password_reset(request: Request, user_id: UUID) -> Response:
    """Makes a reset token for a user, shown this once; they choose a password with it at `POST /v1/auth/password-reset`."""
    call = call_of(request)
    return one(await call.services.identity.users.issue_reset(call.context, _role(call), user_id), 201)


def _role(call: Call) -> Role:
    if call.principal.role is None:
        raise Forbidden
    return call.principal.role
