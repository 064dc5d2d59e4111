"""``/v1/api-tokens``: credentials for programs."""

from uuid import UUID

from fastapi import Request, Response

from minirag_gateway.commands.tokens import TokenCreatedReply
from minirag_gateway.domain.access import Permission
from minirag_gateway.entrypoints.http.answers import MAX_LIMIT, Cursor, Limit, one, page
from minirag_gateway.entrypoints.http.bodies import read_json
from minirag_gateway.entrypoints.http.routing import Resource, call_of
from minirag_gateway.entrypoints.http.schemas.tokens import TokenCreate
from minirag_gateway.errors import Forbidden
from minirag_gateway.queries.tokens import TokenRead

resource = Resource("API tokens")


@resource.route(
    "POST",
    "/v1/api-tokens",
    Permission.MANAGE_TOKENS,
    body=TokenCreate,
    returns=TokenCreatedReply,
    status=201,
    refuses=(413,),
)
async def create_api_token(request: Request) -> Response:
    """Hands out a token that acts for the caller; its text is shown this once."""
    call = call_of(request)
    body = await read_json(request, TokenCreate)
    if call.principal.user_id is None:
        raise Forbidden
    wish = body.request(call.principal.user_id)
    return one(await call.services.identity.tokens.create(call.context, wish), 201)


@resource.route("GET", "/v1/api-tokens", Permission.READ_TOKENS, returns=list[TokenRead])
async def list_api_tokens(request: Request, limit: Limit = MAX_LIMIT, cursor: Cursor = None) -> Response:
    """The tenant's tokens, newest first, revoked ones included."""
    call = call_of(request)
    tokens, following = await call.services.identity.token_queries.list(call.context.scope, limit, cursor)
    return page(request, tokens, following, limit)


@resource.route(
    "DELETE", "/v1/api-tokens/{token_id}", Permission.MANAGE_TOKENS, status=204, refuses=(404, 409)
)
async def revoke_api_token(request: Request, token_id: UUID) -> Response:
    """Revokes a token: it is worth nothing within a second, on every path."""
    call = call_of(request)
    await call.services.identity.tokens.revoke(call.context, token_id)
    return Response(status_code=204)
