"""``/v1/embed-keys``: what web pages publish so that their visitors can talk to one bot."""

from uuid import UUID

from fastapi import Request, Response
from minirag_contracts.errors import RemoteRefusal
from minirag_contracts.requests.chat import BotRead, GetBot

from minirag_gateway.domain.access import Permission
from minirag_gateway.entrypoints.http.answers import MAX_LIMIT, Cursor, Limit, one, page
from minirag_gateway.entrypoints.http.bodies import read_json
from minirag_gateway.entrypoints.http.routing import Resource, call_of
from minirag_gateway.entrypoints.http.schemas.embed import EmbedKeyCreate, EmbedKeyUpdate
from minirag_gateway.errors import BotUnknown
from minirag_gateway.queries.embed_keys import EmbedKeyRead

resource = Resource("Embed keys")


@resource.route(
    "POST",
    "/v1/embed-keys",
    Permission.MANAGE_EMBED_KEYS,
    body=EmbedKeyCreate,
    returns=EmbedKeyRead,
    status=201,
    refuses=(413,),
)
async def create_embed_key(request: Request) -> Response:
    """Makes a key for one bot and some origins. It may be published: origins stop web pages, budgets stop scripts."""
    call = call_of(request)
    body = await read_json(request, EmbedKeyCreate)
    try:
        await call.ask(GetBot(bot_id=body.bot_profile_id), BotRead)
    except RemoteRefusal as refusal:
        raise (BotUnknown() if refusal.code == "not_found" else refusal) from refusal
    return one(await call.services.identity.embed_keys.create(call.context, body.request()), 201)


@resource.route("GET", "/v1/embed-keys", Permission.READ_EMBED_KEYS, returns=list[EmbedKeyRead])
async def list_embed_keys(request: Request, limit: Limit = MAX_LIMIT, cursor: Cursor = None) -> Response:
    """The tenant's keys, newest first, revoked ones included."""
    call = call_of(request)
    keys, following = await call.services.identity.embed_key_queries.list(call.context.scope, limit, cursor)
    return page(request, keys, following, limit)


@resource.route(
    "GET", "/v1/embed-keys/{key_id}", Permission.READ_EMBED_KEYS, returns=EmbedKeyRead, refuses=(404,)
)
async def read_embed_key(request: Request, key_id: UUID) -> Response:
    """One key, and how many messages its visitors have sent today."""
    call = call_of(request)
    return one(await call.services.identity.embed_key_queries.get(call.context.scope, key_id))


@resource.route(
    "PATCH",
    "/v1/embed-keys/{key_id}",
    Permission.MANAGE_EMBED_KEYS,
    body=EmbedKeyUpdate,
    returns=EmbedKeyRead,
    refuses=(404, 409, 413),
)
async def update_embed_key(request: Request, key_id: UUID) -> Response:
    """Changes what the key is good for; its visitors notice at their next message."""
    call = call_of(request)
    body = await read_json(request, EmbedKeyUpdate)
    return one(await call.services.identity.embed_keys.update(call.context, body.request(key_id)))


@resource.route(
    "DELETE", "/v1/embed-keys/{key_id}", Permission.MANAGE_EMBED_KEYS, status=204, refuses=(404, 409)
)
async def revoke_embed_key(request: Request, key_id: UUID) -> Response:
    """Revokes a key: it and its visitors' sessions are worth nothing within a second."""
    call = call_of(request)
    await call.services.identity.embed_keys.revoke(call.context, key_id)
    return Response(status_code=204)
