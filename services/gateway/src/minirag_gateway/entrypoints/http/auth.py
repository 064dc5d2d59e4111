"""``/v1/auth``: logging in, staying in, getting out."""

from fastapi import Request, Response
from minirag_contracts.context import TenantScope

from minirag_gateway.commands.sessions import Tokens
from minirag_gateway.domain.access import MATRIX, Permission
from minirag_gateway.domain.token import hashed
from minirag_gateway.entrypoints.http.addresses import counted
from minirag_gateway.entrypoints.http.answers import one
from minirag_gateway.entrypoints.http.bodies import read_json
from minirag_gateway.entrypoints.http.calls import Call
from minirag_gateway.entrypoints.http.limits import ACCOUNT_LOGINS, LOGINS
from minirag_gateway.entrypoints.http.routing import Resource, call_of
from minirag_gateway.entrypoints.http.schemas.auth import (
    LoggedIn,
    LoginCreate,
    Me,
    PasswordChange,
    PasswordReset,
    RefreshCreate,
)
from minirag_gateway.errors import Forbidden, UserNotFound

resource = Resource("Auth")

NARROW = "A token with scopes changes no password: log in, or use a token without scopes."

NO_LOGIN = "Only a login can be logged out. An API token is revoked with DELETE /v1/api-tokens/{id}."


@resource.route(
    "POST",
    "/v1/auth/login",
    Permission.PUBLIC,
    body=LoginCreate,
    returns=LoggedIn,
    refuses=(401, 403, 409, 413),
    limits=(LOGINS,),
)
async def log_in(request: Request) -> Response:
    """Exchanges e-mail and password for a JWT and a refresh token."""
    call = call_of(request)
    return await _logged_in(call, await opened(call, await read_json(request, LoginCreate)))


@resource.route(
    "POST",
    "/v1/auth/refresh",
    Permission.PUBLIC,
    body=RefreshCreate,
    returns=LoggedIn,
    refuses=(401, 403, 413),
)
async def refresh_login(request: Request) -> Response:
    """Exchanges a refresh token for the next pair. A token that was exchanged before ends the login."""
    call = call_of(request)
    body = await read_json(request, RefreshCreate)
    tokens = await call.services.identity.sessions.refresh(
        call.context, body.refresh_token.get_secret_value()
    )
    return await _logged_in(call, tokens)


@resource.route("POST", "/v1/auth/logout", Permission.IDENTIFY, status=204)
async def log_out(request: Request) -> Response:
    """Ends this login: its JWT and its refresh token are worth nothing any more."""
    call = call_of(request)
    if call.principal.kind != "session":
        raise Forbidden(NO_LOGIN)
    await call.services.identity.sessions.log_out(call.context, call.principal.credential_id)
    return Response(status_code=204)


@resource.route("GET", "/v1/auth/me", Permission.IDENTIFY, returns=Me, refuses=(404,))
async def read_own_account(request: Request) -> Response:
    """Who the caller is."""
    call = call_of(request)
    if call.principal.user_id is None:
        raise UserNotFound
    user = await call.services.identity.user_queries.get(call.context.scope, call.principal.user_id)
    return one(Me(user=user, tenant=call.principal.tenant))


@resource.route(
    "POST",
    "/v1/auth/password",
    Permission.IDENTIFY,
    body=PasswordChange,
    status=204,
    refuses=(404, 409, 413),
)
async def change_own_password(request: Request) -> Response:
    """Changes one's own password; every other login of one's own ends."""
    call = call_of(request)
    body = await read_json(request, PasswordChange)
    principal = call.principal
    if principal.user_id is None or principal.role is None:
        raise UserNotFound
    if principal.permissions != MATRIX[principal.role]:
        raise Forbidden(NARROW)
    await call.meter.take(ACCOUNT_LOGINS, f"password|{principal.user_id}")
    await call.services.identity.passwords.change(
        call.context,
        principal.user_id,
        current=body.current_password.get_secret_value(),
        new=body.new_password.get_secret_value(),
        keep_session=principal.credential_id if principal.kind == "session" else None,
    )
    return Response(status_code=204)


@resource.route(
    "POST",
    "/v1/auth/password-reset",
    Permission.PUBLIC,
    body=PasswordReset,
    status=204,
    refuses=(403, 409, 413),
)
async def reset_password(request: Request) -> Response:
    """Chooses a password by an administrator's link, once; every login of that user ends."""
    call = call_of(request)
    body = await read_json(request, PasswordReset)
    await call.services.identity.passwords.reset(
        call.context, body.reset_token.get_secret_value(), body.new_password.get_secret_value()
    )
    return Response(status_code=204)


async def opened(call: Call, body: LoginCreate) -> Tokens:
    """A new login, counted by account and address; raises as ``SessionCommands.log_in``."""
    account = hashed(f"{body.tenant_slug}/{body.email.lower()}")
    await call.meter.take(ACCOUNT_LOGINS, f"{account}|{counted(call.meter.address)}")
    return await call.services.identity.sessions.log_in(
        call.context, body.email, body.password.get_secret_value(), body.tenant_slug
    )


async def owner_of(call: Call, tokens: Tokens) -> Me:
    """Whose login it is."""
    identity, scope = call.services.identity, TenantScope(tokens.tenant_id)
    user = await identity.user_queries.get(scope, tokens.user_id)
    return Me(user=user, tenant=await identity.tenant_queries.get(scope))


async def _logged_in(call: Call, tokens: Tokens) -> Response:
    owner = await owner_of(call, tokens)
    answer = LoggedIn(
        access_token=tokens.access_token,
        expires_in=tokens.expires_in,
        refresh_token=tokens.refresh_token,
        user=owner.user,
        tenant=owner.tenant,
    )
    response = one(answer)
    response.headers["Cache-Control"] = "no-store"
    return response
