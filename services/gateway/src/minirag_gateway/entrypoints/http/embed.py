"""``/v1/embed/{key}``: visitors of web pages, who have no account. The key is in the path, so that a preflight knows it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated
from uuid import UUID

from fastapi import Path, Request, Response
from minirag_contracts.errors import Refusal

from minirag_gateway.commands.visitors import Arrival
from minirag_gateway.domain.access import Permission
from minirag_gateway.entrypoints.http.answers import one
from minirag_gateway.entrypoints.http.bodies import read_json
from minirag_gateway.entrypoints.http.calls import Call
from minirag_gateway.entrypoints.http.limits import VISITOR_MESSAGES
from minirag_gateway.entrypoints.http.routing import Resource, call_of
from minirag_gateway.entrypoints.http.schemas.embed import BotFaceRead, VisitorSession, VisitorSessionCreate
from minirag_gateway.errors import PageNotServed, TurnFailed

resource = Resource("Embed")

Key = Annotated[str, Path(min_length=4, max_length=100, pattern=r"^pk_[A-Za-z0-9_-]+$")]

NO_ORIGIN = "A visitor's session is asked for by a web page: the request has no Origin."


@resource.route(
    "POST",
    "/v1/embed/{key}/sessions",
    Permission.PUBLIC,
    body=VisitorSessionCreate,
    returns=VisitorSession,
    status=201,
    refuses=(401, 403, 404, 413),
)
async def create_visitor_session(request: Request, key: Key) -> Response:
    """Exchanges an embed key for a session of at most an hour: good for one bot, one origin, one visitor, and nothing else."""
    call = call_of(request)
    body = await read_json(request, VisitorSessionCreate)
    origin = request.headers.get("origin")
    if origin is None:
        raise PageNotServed(NO_ORIGIN)
    arrival = Arrival(
        origin=origin,
        visitor_token=body.visitor_token.get_secret_value() if body.visitor_token else None,
        identity=body.identity.get_secret_value() if body.identity else None,
    )
    admitted = await call.services.identity.visitors.admit(call.context, key, arrival)
    face = BotFaceRead(
        id=admitted.bot_id,
        name=admitted.face.name,
        greeting=admitted.face.greeting,
        suggested_questions=admitted.face.suggested_questions,
    )
    session = VisitorSession(
        session_token=admitted.session_token,
        expires_at=admitted.expires_at,
        visitor_id=admitted.visitor_id,
        visitor_token=admitted.visitor_token,
        bot=face,
    )
    response = one(session, 201)
    response.headers["Cache-Control"] = "no-store"
    return response


@asynccontextmanager
async def spending(call: Call, bot_id: UUID) -> AsyncIterator[None]:
    """Lets a visitor's question through, to their own bot and within the key's budget; nobody else has one.

    What is refused inside has cost nothing.
    """
    principal = call.principal
    principal.serve(bot_id)
    if principal.kind != "visitor":
        yield
        return
    keys, scope = call.services.identity.embed_keys, call.context.scope
    await call.meter.take_of(VISITOR_MESSAGES, principal.message_rate, principal.actor)
    await keys.spend(scope, principal.credential_id)
    try:
        yield
    except TurnFailed:
        raise  # it was asked, and answered by a failure
    except Refusal:
        await keys.give_back(scope, principal.credential_id)
        raise
