"""``/v1/bot-profiles``: bots, and how they answer."""

from uuid import UUID

from fastapi import Request, Response
from minirag_contracts.requests import Done
from minirag_contracts.requests.bots import DeactivateBot
from minirag_contracts.requests.chat import BotList, BotRead, GetBot, ListBots

from minirag_gateway.domain.access import Permission
from minirag_gateway.entrypoints.http.answers import MAX_LIMIT, Cursor, Limit, one, page
from minirag_gateway.entrypoints.http.bodies import read_json
from minirag_gateway.entrypoints.http.routing import Resource, call_of
from minirag_gateway.entrypoints.http.schemas.bots import BotProfileCreate, BotProfileUpdate

resource = Resource("Bot profiles")


@resource.route(
    "POST",
    "/v1/bot-profiles",
    Permission.MANAGE_BOTS,
    body=BotProfileCreate,
    returns=BotRead,
    status=201,
    refuses=(413,),
)
async def create_bot_profile(request: Request) -> Response:
    """Makes a bot."""
    body = await read_json(request, BotProfileCreate)
    return one(await call_of(request).ask(body.request(), BotRead), 201)


@resource.route("GET", "/v1/bot-profiles", Permission.READ_BOTS, returns=list[BotRead])
async def list_bot_profiles(request: Request, limit: Limit = MAX_LIMIT, cursor: Cursor = None) -> Response:
    """The tenant's bots, newest first, inactive ones included."""
    bots = await call_of(request).ask(ListBots(limit=limit, cursor=cursor), BotList)
    return page(request, bots.items, bots.next, limit)


@resource.route(
    "GET", "/v1/bot-profiles/{bot_profile_id}", Permission.READ_BOTS, returns=BotRead, refuses=(404,)
)
async def read_bot_profile(request: Request, bot_profile_id: UUID) -> Response:
    """One bot."""
    return one(await call_of(request).ask(GetBot(bot_id=bot_profile_id), BotRead))


@resource.route(
    "PATCH",
    "/v1/bot-profiles/{bot_profile_id}",
    Permission.MANAGE_BOTS,
    body=BotProfileUpdate,
    returns=BotRead,
    refuses=(404, 409, 413),
)
async def update_bot_profile(request: Request, bot_profile_id: UUID) -> Response:
    """Configures a bot anew: the fields that are sent, and no others."""
    body = await read_json(request, BotProfileUpdate)
    return one(await call_of(request).ask(body.request(bot_profile_id), BotRead))


@resource.route(
    "DELETE", "/v1/bot-profiles/{bot_profile_id}", Permission.MANAGE_BOTS, status=204, refuses=(404, 409)
)
async def delete_bot_profile(request: Request, bot_profile_id: UUID) -> Response:
    """Deactivates a bot: it answers no more, and can still be read."""
    await call_of(request).ask(DeactivateBot(bot_id=bot_profile_id), Done)
    return Response(status_code=204)
